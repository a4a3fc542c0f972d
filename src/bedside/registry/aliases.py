"""Which version each alias should point at, and why; decided from facts, written as a sentence."""

import json
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.artifacts import sha256
from bedside.errors import RefusedError
from bedside.registry import describe, signing
from bedside.registry.candidate import Candidate
from bedside.registry.log import PromotionLog, signed_as
from bedside.registry.models import Models
from bedside.registry.signing import SignatureError
from bedside.summary import PASS, SIMULATED, UNNAMED

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from bedside.evaluation import Predictions

CHALLENGER, CHAMPION = "challenger", "champion"


@dataclass(frozen=True)
class Choice:
    """Where an alias should point (None: it stays as it is) and the reason in words."""

    version: str | None
    reason: str


def challenger(
    models: Models,
    passed: Sequence[Candidate],
    versions: Mapping[str, str],
    gone: Collection[str],
    measured: Collection[str] = (),
) -> Choice:
    """The best compressed deployment: lowest p99 latency, then size; none of the versions and graphs in `gone`.

    The present challenger stays where it is better by the same gates, windows and data on the same kind of CPU, and it
    is another graph (the same graph measured again replaces the older evidence). One that was measured on another kind
    stays until its graph is among those `measured` now. A simulated one never displaces a real one.
    """
    eligible = [c for c in passed if c.summary.is_compressed and not {versions[c.variant], c.graph_sha256} & set(gone)]
    if not eligible:
        return Choice(None, "no compressed deployment passes that was never rolled back")
    best = min(eligible, key=lambda candidate: candidate.summary.rank)
    number, present = versions[best.variant], models.aliased(CHALLENGER)
    if present is not None and str(present.version) != number:
        objection = _against(best, present, gone, measured)
        if objection:
            return Choice(None, objection)
    p99, size = best.summary.said("latency.p99_ms", "ms"), best.summary.size
    return Choice(number, f"{best.variant} is the fastest compressed deployment that passes (p99 {p99}, {size})")


def champion(models: Models, candidate: Candidate | None, number: str | None, *, sign_off: bool) -> Choice:
    """The challenger becomes champion where no sign-off is asked for, on real data, not inferior to the present one."""
    if candidate is None or number is None:
        return Choice(None, "there is no new challenger")
    if sign_off:
        command = f"bedside approve {candidate.summary.target} {number} --reviewer NAME --reason TEXT"
        return Choice(None, f"waits for a reviewer's sign-off: `{command}`")
    return fit_for_champion(models, candidate.labels.get("source"), number, candidate)


def fit_for_champion(models: Models, source: str | None, number: str, candidate: Candidate | None = None) -> Choice:
    """Whether version `number` may be champion, whoever asks. `candidate` spares downloading its own bundle."""
    if source is None or source in (SIMULATED, "unlabelled"):
        return Choice(None, f"made from {source or 'unlabelled'} data, which can never become champion")
    present = models.aliased(CHAMPION)
    if present is None or str(present.version) == number:
        return Choice(number, "passes all gates, and there is no other champion to compare with")
    with tempfile.TemporaryDirectory() as folder:
        found = _compared(models, number, candidate, present, Path(folder))
    if found is not None:
        return Choice(None, found)
    return Choice(number, f"not inferior to champion version {present.version}{_other_times(models, number, present)}")


def _other_times(models: Models, number: str, present: "ModelVersion") -> str:
    """That the two were timed on different kinds of CPU, in words: nothing here says which is faster."""
    version = models.version(number)
    here, there = (
        describe.facts_of(one.tags if one else {}).get(describe.CPU) or UNNAMED for one in (version, present)
    )
    told = f"; timed on {here}, the champion on {there}, and times of different kinds of CPU are not compared"
    return "" if here == there else told


def _against(best: Candidate, present: "ModelVersion", gone: Collection[str], measured: Collection[str]) -> str | None:
    """Why the present challenger stays; None if it should give way."""
    held, own = describe.facts_of(present.tags), describe.facts(best, "", "")
    if {str(present.version), held.get(describe.GRAPH)} & set(gone):
        return None
    named = f"version {present.version} ({present.tags.get('variant')})"
    if best.summary.is_simulated and held.get("source") != SIMULATED:
        return f"{named} was made from real data and stays; simulated ones never displace it"
    if not all(held.get(name) == own[name] for name in describe.COMPARABLE):
        return None
    if elsewhere := _other_cpu(held, own, best, measured):
        return f"{named} stays: {elsewhere}"
    if (
        held.get(describe.CPU) != own[describe.CPU]
        or held.get(describe.GRAPH) == own[describe.GRAPH]
        or held[describe.RANK] >= own[describe.RANK]
    ):
        return None
    return (
        f"{named} stays: p99 {held[describe.RANK][0]:.3g} ms against {own[describe.RANK][0]:.3g} ms of {best.variant}"
    )


def _other_cpu(
    held: Mapping[str, Any], own: Mapping[str, Any], best: Candidate, measured: Collection[str]
) -> str | None:
    """Why nobody can say which is faster: their times are of different kinds of CPU; None where they are of one.

    None too where the present graph was measured again beside `best`, and where the target names the kind of `best`.
    """
    there, here = held.get(describe.CPU) or UNNAMED, own[describe.CPU]
    named = (best.summary.evidence.get("target") or {}).get("cpu")
    if there == here or named is not None or held.get(describe.GRAPH) in measured:
        return None
    return (
        f"it was measured on {there}, {best.variant} on {here}, and times of different kinds of CPU are not compared; "
        f"evaluate both on one kind, or name the one that devices have (targets.{best.summary.target}.cpu)"
    )


def _compared(
    models: Models, number: str, candidate: Candidate | None, present: "ModelVersion", folder: Path
) -> str | None:
    """The objection of a paired comparison with the present champion, on its verified bundle; None if there is none."""
    from bedside.gates import NonInferiority, non_inferior

    champion_bundle = verified(models, present, folder / "champion")
    if candidate is None:
        version = models.version(number)
        if version is None:
            return f"there is no version {number}"
        own = verified(models, version, folder / "candidate")
        claimed = _claimed(read_json(own / "verdict.json"))
    else:
        own, claimed = candidate.evidence.path, candidate.summary.claimed
    verdict = read_json(champion_bundle / "verdict.json")
    limits = next(gate["limits"] for gate in verdict["gates"] if gate["id"] == "G5")
    classes = _claimed(verdict)
    if lost := [name for name in classes if name not in claimed]:
        return f"gives up the {', '.join(lost)} claim of champion version {present.version}"
    try:
        found = non_inferior(
            _predictions(own), _predictions(champion_bundle), NonInferiority.model_validate(limits), classes
        )
    except RefusedError as error:
        return f"cannot be compared with champion version {present.version}: {error}"
    return None if found.status == "PASS" else f"inferior to champion version {present.version}: {found.reason}"


def verified(models: Models, version: "ModelVersion", folder: Path) -> Path:
    """The bundle of a version in `folder`; SignatureError unless it is signed, and the one that the log names."""
    folder.mkdir(parents=True)
    bundle = models.download(version, folder)
    signing.verify(bundle, signing.public_key())
    if wrong := _not_as_logged(bundle, models.name, str(version.version)):
        what = f"{' and '.join(wrong)} {'is not the one' if len(wrong) == 1 else 'are not those'}"
        raise SignatureError(
            f"{models.name} version {version.version}: its {what} that the log names; somebody exchanged the files, "
            "find out who, and promote the right ones again"
        )
    return bundle


def _not_as_logged(bundle: Path, model: str, number: str) -> list[str]:
    """What differs from the log: every bundle of this workspace bears its signature, whatever version it was made for.

    Older logs name no bundles, and a log begun anew does not know the version: what is not named is not compared.
    """
    signed = signed_as(PromotionLog().verify(), model, number) or {}
    named = {
        "bundle": signed.get("bundles", {}).get(number),
        "graph": signed.get("graphs", {}).get(number),
        "target": signed.get("target"),
    }
    found = {
        "bundle": signing.digest(bundle),
        "graph": sha256(bundle / "model.onnx"),
        "target": read_json(bundle / "verdict.json")["deployment"]["target"],
    }
    return [name for name, value in named.items() if value not in (None, found[name])]


def _claimed(verdict: Mapping[str, Any]) -> list[str]:
    return [name for name, claim in verdict["claims"].items() if claim["status"] == PASS]


def _predictions(bundle: Path) -> "Predictions":
    from bedside.evaluation import Predictions

    return Predictions.read(bundle / "predictions.safetensors", read_json(bundle / "evidence.json")["classes"])


def read_json(path: Path) -> Any:
    """The content of a file of a verified bundle."""
    return json.loads(path.read_text(encoding="utf-8"))
