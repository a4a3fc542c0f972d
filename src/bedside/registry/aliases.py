"""Which version each alias should point at, and why; decided from facts, written as a sentence."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.errors import RefusedError
from bedside.outcome import Outcome
from bedside.registry import describe
from bedside.registry.candidate import Candidate
from bedside.registry.delivered import delivered, read_json
from bedside.registry.history import facts_of
from bedside.registry.log import Entry, PromotionLog
from bedside.registry.models import Models
from bedside.summary import PASS, SIMULATED, UNNAMED

if TYPE_CHECKING:
    from bedside.evaluation import Predictions


@dataclass(frozen=True)
class Choice:
    """Where an alias should point (None: it stays as it is) and the reason in words."""

    version: str | None
    reason: str


@dataclass(frozen=True)
class Present:
    """A version that an alias stands at, by what the log says of it: tags in the registry can be edited."""

    number: str
    facts: Mapping[str, Any]

    @property
    def named(self) -> str:
        variant = self.facts.get("variant")
        return f"version {self.number} ({variant})" if variant else f"version {self.number}"


def present(entries: Sequence[Entry], model: str, number: str | None) -> Present | None:
    """What stands at an alias, from the log."""
    return None if number is None else Present(number, facts_of(entries, model, number))


def challenger(
    passed: Sequence[Candidate],
    versions: Mapping[str, str],
    held: Present | None,
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
    number = versions[best.variant]
    if held is not None and held.number != number and (objection := _against(best, held, gone, measured)):
        return Choice(None, objection)
    p99, size = best.summary.said("latency.p99_ms", "ms"), best.summary.size
    return Choice(number, f"{best.variant} is the fastest compressed deployment that passes (p99 {p99}, {size})")


def waiting(passed: Sequence[Candidate], versions: Mapping[str, str], reasons: Mapping[str, str]) -> Choice:
    """No alias moves by itself: the reviewer's command for the best of those that wait, and what it waits for."""
    best = min(passed, key=lambda candidate: (not candidate.summary.is_compressed, candidate.summary.rank))
    told = command(best.summary.target, versions[best.variant])
    return Choice(None, f"{best.variant} waits for a reviewer's sign-off (`{told}`): {reasons[best.variant]}")


def champion(
    models: Models, candidate: Candidate | None, number: str | None, held: Present | None, *, sign_off: bool
) -> Choice:
    """The challenger becomes champion where no sign-off is asked for, on real data, not inferior to the present one."""
    if candidate is None or number is None:
        return Choice(None, "there is no new challenger")
    if sign_off:
        return Choice(None, f"waits for a reviewer's sign-off: `{command(candidate.summary.target, number)}`")
    return fit_for_champion(models, candidate.labels.get("source"), number, held, candidate)


def command(target: str, number: str) -> str:
    """What a reviewer types."""
    return f"bedside approve {target} {number} --reviewer ADDRESS --reason TEXT"


def fit_for_champion(
    models: Models, source: str | None, number: str, held: Present | None, candidate: Candidate | None = None
) -> Choice:
    """Whether version `number` may be champion, whoever asks. `candidate` spares downloading its own bundle."""
    if source is None or source in (SIMULATED, "unlabelled"):
        return Choice(None, f"made from {source or 'unlabelled'} data, which can never become champion")
    if held is None or held.number == number:
        return Choice(number, "passes all gates, and there is no other champion to compare with")
    with tempfile.TemporaryDirectory() as folder:
        found = _compared(models, number, candidate, held.number, Path(folder))
    if found is not None:
        return Choice(None, found)
    own = describe.facts(candidate, "", "") if candidate else facts_of(PromotionLog().verify(), models.name, number)
    return Choice(number, f"not inferior to champion version {held.number}{_other_times(own, held)}")


def _other_times(own: Mapping[str, Any], held: Present) -> str:
    """That the two were timed on different kinds of CPU, in words: nothing here says which is faster."""
    here, there = (facts.get(describe.CPU) or UNNAMED for facts in (own, held.facts))
    told = f"; timed on {here}, the champion on {there}, and times of different kinds of CPU are not compared"
    return "" if here == there else told


def _against(best: Candidate, present: Present, gone: Collection[str], measured: Collection[str]) -> str | None:
    """Why the present challenger stays; None if it should give way."""
    held, own = present.facts, describe.facts(best, "", "")
    if {present.number, held.get(describe.GRAPH)} & set(gone):
        return None
    if best.summary.is_simulated and held.get("source") != SIMULATED:
        return f"{present.named} was made from real data and stays; simulated ones never displace it"
    if not all(held.get(name) == own[name] for name in describe.COMPARABLE):
        return None
    if elsewhere := _other_cpu(held, own, best, measured):
        return f"{present.named} stays: {elsewhere}"
    if (
        held.get(describe.CPU) != own[describe.CPU]
        or held.get(describe.GRAPH) == own[describe.GRAPH]
        or held[describe.RANK] >= own[describe.RANK]
    ):
        return None
    return (
        f"{present.named} stays: p99 {held[describe.RANK][0]:.3g} ms against {own[describe.RANK][0]:.3g} ms of "
        f"{best.variant}"
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


def _compared(models: Models, number: str, candidate: Candidate | None, present: str, folder: Path) -> str | None:
    """The objection of a paired comparison with the present champion, on its verified bundle; None if there is none."""
    from bedside.gates import NonInferiority, non_inferior

    champion_bundle = delivered(models, present, folder / "champion")
    if candidate is None:
        own = delivered(models, number, folder / "candidate")
        claimed = _claimed(read_json(own / "verdict.json"))
    else:
        own, claimed = candidate.evidence.path, candidate.summary.claimed
    verdict = read_json(champion_bundle / "verdict.json")
    limits = next(gate["limits"] for gate in verdict["gates"] if gate["id"] == "G5")
    classes = _claimed(verdict)
    if lost := [name for name in classes if name not in claimed]:
        return f"gives up the {', '.join(lost)} claim of champion version {present}"
    try:
        found = non_inferior(
            _predictions(own), _predictions(champion_bundle), NonInferiority.model_validate(limits), classes
        )
    except RefusedError as error:
        return f"cannot be compared with champion version {present}: {error}"
    return None if found.status == "PASS" else f"inferior to champion version {present}: {found.reason}"


def _claimed(verdict: Mapping[str, Any]) -> list[str]:
    return [name for name, claim in verdict["claims"].items() if claim["status"] == PASS]


def _predictions(bundle: Path) -> "Predictions":
    from bedside.evaluation import Predictions

    outcome = Outcome.of(
        read_json(bundle / "evidence.json"), "the evidence in its bundle", "evaluate and promote it again"
    )
    return Predictions.read(bundle / "predictions.safetensors", outcome)
