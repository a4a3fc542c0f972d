"""Promotion of one target's deployments: REQUESTED, GATES_PASSED, SIGNED, DECIDED, ALIASED, CONFIRMED.

One promotion at a time (a file lock). Every step may be repeated after a kill: the log says which steps are done, and
each step looks for its own result before it makes it. Nothing is promoted while an alias is where the log did not put
it. Before any alias moves, the bundle behind it is read back from the registry and verified; what cannot be confirmed
afterwards is undone.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic

from bedside import tracking
from bedside.errors import RefusedError
from bedside.gates.changes import limits, loosening
from bedside.params import Params
from bedside.registry import aliases, bundle, describe, history, identity, keys, moving, signing, standing, yardstick
from bedside.registry.candidate import Candidate
from bedside.registry.history import CHALLENGER, CHAMPION, LAST, of_promotion
from bedside.registry.log import Entry, PromotionLog
from bedside.registry.models import Models
from bedside.tracking import store
from bedside.tracking.errors import AddressError
from bedside.tracking.lock import locked
from bedside.tracking.patience import at_most

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


class Promote(Params):
    """How a target's deployments are registered: under `<model>.<target>`, with or without a reviewer's sign-off."""

    model: str = pydantic.Field(pattern=r"^[A-Za-z0-9_-]+$")
    intended_use: str = pydantic.Field(min_length=1)
    sign_off: bool = True
    timeout: float = pydantic.Field(
        default=120,
        gt=0,
        description="seconds that a store that is away is tried again, and that other promotions may take",
    )


@dataclass
class Promotion:
    """One request: the candidates of a target, and the folder that takes their signed bundles."""

    candidates: Sequence[Candidate]
    params: Promote
    bundles: Path
    target: str = ""
    id: str = ""
    digests: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.target = self.candidates[0].summary.target
        self.name = f"{self.params.model}.{self.target}"
        self.log = PromotionLog()

    def run(self) -> dict[str, Any]:
        """The decision: what was registered, what was refused and why, where the aliases point."""
        store.prepare()  # the import takes seconds: not while others wait for the lock
        try:
            with locked(moving.promotion_lock(), self.params.timeout), at_most(self.params.timeout):
                return self._recording_outages()
        except TimeoutError as error:
            raise RefusedError(f"another promotion is going on ({error}); run promote again") from None

    def _recording_outages(self) -> dict[str, Any]:
        deadline = time.monotonic() + self.params.timeout
        while True:
            try:
                return self._run(max(0.0, deadline - time.monotonic()))
            except tracking.TrackingError as error:
                if isinstance(error, AddressError) or time.monotonic() + store.RETRY > deadline:
                    self._append("INTERRUPTED", {"reason": str(error)})
                    raise RefusedError(
                        f"promotion needs the tracking store: {error}. Nothing is half done: fix that and run promote "
                        "again, it goes on where it stopped"
                    ) from None
                time.sleep(store.RETRY)

    def _run(self, patience: float) -> dict[str, Any]:
        run_id = tracking.current_run_id(patience)
        self.models = Models(self.name)
        requested = self._requested()
        passed, refused = self._judged()
        if not passed:
            self._step("CLOSED", lambda: {"reason": "no deployment passes its gates"})
            return self._decision(refused, {}, _kept(requested["expected"])) | {"changes": requested["changes"]}
        self._step("GATES_PASSED", lambda: {"variants": [c.variant for c in passed]})
        for candidate in passed:
            folder = self.bundles / candidate.variant
            self.digests[candidate.variant] = bundle.write(candidate, folder, self.params.intended_use)
        signed = self._step("SIGNED", lambda: self._signed(passed, run_id))
        decided = self._step("DECIDED", lambda: self._decided(passed, signed["versions"], requested))
        back = requested["expected"]
        with moving.undone_if_refused(self.models, decided["aliases"], self._abandon, back):
            moved = self._step("ALIASED", lambda: moving.carry_out(self.models, decided["aliases"]))
            self._step("CONFIRMED", lambda: self._confirmed(moved["aliases"]))
        told = self._decision(refused, signed["versions"], moved["aliases"])
        return told | {"changes": requested["changes"]}

    @cached_property
    def limits(self) -> dict[str, Any]:
        """By what the candidates are judged here."""
        by = self.candidates[0].yardstick
        return limits(by.gates, by.budget, sign_off=self.params.sign_off)

    def _requested(self) -> Entry:
        """Take up the open or finished promotion of these very artifacts, or begin one."""
        asked = {
            "candidates": [c.digests for c in self.candidates],
            "params": self.params.model_dump(),
            "limits": self.limits,
            "model": self.name,
        }
        work = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
        expected = standing.expect_ours(self.log, self.models, self.target)
        entries = self.log.verify()
        before = [entry for entry in entries if entry["state"] == "REQUESTED" and entry.get("work") == work]
        if before:
            self.id = before[-1]["promotion"]
            outdated = self._outdated(entries)
            if outdated is None:
                return before[-1]
            if not any(entry["state"] in LAST for entry in of_promotion(entries, self.id)):
                self._append("ABANDONED", {"reason": outdated})
        self.id = f"{work}-{len(before) + 1}"
        changed = yardstick.against(entries, self.name, self.limits)
        begun = {
            "work": work,
            "author": identity.author(),
            "at_server": identity.at_server(),
            "expected": expected,
            "candidates": asked["candidates"],
            "limits": self.limits,
            "changes": yardstick.in_words(changed),
            "looser": bool(loosening(changed)),
        }
        return self._step("REQUESTED", lambda: begun)

    def _outdated(self, log: list[Entry]) -> str | None:
        """Why this promotion of the same artifacts is neither gone on with nor repeated; None if it still stands."""
        entries = list(of_promotion(log, self.id))
        signed = next((entry for entry in entries if entry["state"] == "SIGNED"), None)
        if not self._still_stands(entries):
            return "the aliases moved meanwhile"
        if signed and history.refused_since(log, signed, signed.get("graphs", {}).values()):
            return "a later promotion refused one of its graphs"
        if signed and signed not in history.since_emptied(log, self.name):
            return "the registry's versions began again"
        if identity.identity(history.author_of(entries)) is None and identity.identity(identity.author()) is not None:
            return "it was promoted by nobody in particular"  # nobody could sign it off
        return None

    def _still_stands(self, entries: list[Entry]) -> bool:
        """Whether the aliases are where this promotion found them or put them."""
        if any(entry["state"] == "ABANDONED" for entry in entries):
            return False
        decided: dict[str, Any] = next((entry["aliases"] for entry in entries if entry["state"] == "DECIDED"), {})
        final = next((entry["aliases"] for entry in entries if entry["state"] == "ALIASED"), None)
        for alias, found in entries[0]["expected"].items():
            known = {final[alias]["version"]} if final else {found, decided.get(alias, {}).get("version") or found}
            if self.models.number(alias) not in known:
                return False
        return True

    def _judged(self) -> tuple[list[Candidate], dict[str, str]]:
        """Who may be promoted; every refusal is recorded once, with its reason."""
        refused = {c.variant: reason for c in self.candidates if (reason := c.objection()) is not None}
        known = {e["variant"] for e in of_promotion(self.log.read(), self.id) if e["state"] == "REFUSED"}
        for candidate in self.candidates:
            if candidate.variant in refused.keys() - known:
                self._append("REFUSED", {**candidate.judged, "reason": refused[candidate.variant]})
        return [c for c in self.candidates if c.variant not in refused], refused

    def _signed(self, passed: Sequence[Candidate], run_id: str) -> dict[str, Any]:
        """The version of each candidate, and of each version its graph (a rollback is of that), bundle and facts."""
        versions = {c.variant: self._registered(c, run_id) for c in passed}
        return {
            "versions": versions,
            "graphs": {versions[c.variant]: c.graph_sha256 for c in passed},
            "bundles": {versions[c.variant]: self.digests[c.variant] for c in passed},
            "facts": {versions[c.variant]: {**describe.facts(c, "", ""), "variant": c.variant} for c in passed},
        }

    def _registered(self, candidate: Candidate, run_id: str) -> str:
        """The version of this bundle, made unless an earlier attempt made it."""
        digest = self.digests[candidate.variant]
        self.models.create(describe.model(self.params.model, self.target, self.params.intended_use))
        for existing in self.models.versions():
            if describe.facts_of(existing.tags).get(describe.DIGEST) == digest and self._holds(existing, digest):
                return str(existing.version)
        place = f"bundles/{candidate.variant}"
        self.models.upload(run_id, self.bundles / candidate.variant, place)
        warnings = self._warnings(candidate)
        pictures = self._reviewable(candidate, run_id, warnings)
        experiment = self.models.experiment(run_id)
        text = describe.version(candidate, experiment, run_id, pictures, warnings)
        return self.models.register(run_id, place, text, describe.tags(candidate, digest, identity.author(), warnings))

    def _holds(self, version: "ModelVersion", digest: str) -> bool:
        """Whether a version leads to this very bundle: its tags, and the files behind it, can be edited."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = self.models.download(version, Path(folder))
                signing.verify(found, keys.public_key())
            except RefusedError:
                return False
            return signing.digest(found) == digest

    def _reviewable(self, candidate: Candidate, run_id: str, warnings: Sequence[str]) -> list[str]:
        """Upload what a reviewer looks at and a device does not need; the names of the pictures."""
        from bedside.reporting import review_page

        found = bundle.pictures(candidate)
        with tempfile.TemporaryDirectory() as folder:
            for picture in found:
                (Path(folder) / picture.name).write_bytes(picture.read_bytes())
            page = review_page(candidate.summary, found, warnings)
            (Path(folder) / "index.html").write_text(page, encoding="utf-8")
            self.models.upload(run_id, Path(folder), f"review/{candidate.variant}")
        return [picture.name for picture in found]

    def _warnings(self, candidate: Candidate) -> list[str]:
        """What a reviewer has to see before any figure."""
        asked = next(of_promotion(self.log.read(), self.id))
        return [told for told in (asked["changes"], self._refused_before(candidate)) if told]

    def _waits(self, candidate: Candidate) -> str | None:
        """Why nothing but a reviewer's word gives this candidate an alias; None if its verdict is enough."""
        asked = next(of_promotion(self.log.read(), self.id))
        return (asked["changes"] if asked["looser"] else None) or self._refused_before(candidate)

    def _refused_before(self, candidate: Candidate) -> str | None:
        """That this very graph was refused: measured again, or asked otherwise, it passes."""
        refused = history.refused_before(self.log.read(), self.name, candidate.graph_sha256, self.id)
        if refused is None:
            return None
        by = "the same" if refused.get("gates") == candidate.gates else "other"
        return f"PASSES NOW, WAS REFUSED BEFORE by {by} gates: {refused['reason']}"

    def _decided(self, passed: Sequence[Candidate], versions: dict[str, str], requested: Entry) -> dict[str, Any]:
        """Where the aliases go, where they are, and why; the bundles that they will lead to are sound."""
        entries = self.log.verify()
        expected: dict[str, str | None] = requested["expected"]
        held = {alias: aliases.present(entries, self.name, number) for alias, number in expected.items()}
        waiting = {c.variant: told for c in passed if (told := self._waits(c))}
        free = [candidate for candidate in passed if candidate.variant not in waiting]
        gone = history.rolled_back(entries, self.name)
        measured = {candidate.graph_sha256 for candidate in self.candidates}
        challenger = aliases.challenger(free, versions, held[CHALLENGER], gone, measured)
        if not free:
            challenger = aliases.waiting(passed, versions, waiting)
        leader = next((c for c in free if versions[c.variant] == challenger.version), None)
        sign_off = self.params.sign_off
        champion = aliases.champion(self.models, leader, challenger.version, held[CHAMPION], sign_off=sign_off)
        choices = {CHALLENGER: challenger, CHAMPION: champion}
        for number in {choice.version for choice in choices.values() if choice.version}:
            moving.check(self.models, number)
        return {
            "aliases": {
                alias: {"version": choice.version, "previous": expected[alias], "reason": choice.reason}
                for alias, choice in choices.items()
            }
        }

    def _confirmed(self, moved: dict[str, Any]) -> dict[str, Any]:
        """Read the aliases again, and verify the bundle behind each as a device would."""
        for alias, told in moved.items():
            moving.confirm(self.models, alias, told["version"])
        return {"aliases": {alias: told["version"] for alias, told in moved.items()}}

    def _abandon(self, **details: Any) -> None:
        self._append("ABANDONED", details)

    def _step(self, state: str, do: Callable[[], dict[str, Any]]) -> Entry:
        """The entry of this step, done now unless the log says that it was done."""
        entries = of_promotion(self.log.read(), self.id)
        done = next((entry for entry in entries if entry["state"] == state), None)
        return done or self._append(state, do())

    def _append(self, state: str, details: dict[str, Any]) -> Entry:
        return self.log.append(state=state, promotion=self.id, model=self.name, target=self.target, **details)

    def _decision(self, refused: dict[str, str], versions: dict[str, str], moved: dict[str, Any]) -> dict[str, Any]:
        by_version = {number: variant for variant, number in versions.items()}
        pointing: dict[str, list[str]] = {}
        for alias, told in moved.items():
            pointing.setdefault(str(told["version"]), []).append(alias)
        return {
            "target": self.target,
            "model": self.name,
            "promotion": self.id,
            "registered": [
                {"variant": variant, "version": number, "verdict": "PASS", "aliases": sorted(pointing.get(number, []))}
                for variant, number in versions.items()
            ],
            "refused": [{"variant": variant, "reason": reason} for variant, reason in refused.items()],
            **{
                alias: {**told, "variant": by_version.get(str(told["version"]))} if told else None
                for alias, told in ((alias, moved.get(alias)) for alias in (CHALLENGER, CHAMPION))
            },
        }


def _kept(pointing: Mapping[str, str | None]) -> dict[str, Any]:
    """What a promotion of which nothing passes says of the aliases: they stay on the earlier versions."""
    reason = "kept: no deployment of this promotion passes"
    return {
        alias: {"version": number, "previous": number, "reason": reason}
        for alias, number in pointing.items()
        if number is not None
    }
