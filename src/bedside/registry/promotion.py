"""Promotion of one target's deployments: REQUESTED, GATES_PASSED, SIGNED, ALIASED, CONFIRMED.

One promotion at a time (a file lock). Every step may be repeated after a kill: the log says which steps are done, and
each step looks for its own result before it makes it. Aliases move in one call, from the version that was there when
the promotion was requested; if somebody moved one meanwhile, the promotion is abandoned and says so.
"""

import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic

from bedside import tracking
from bedside.errors import RefusedError
from bedside.params import Params
from bedside.registry import aliases, bundle, describe, moved, signing
from bedside.registry.aliases import CHALLENGER, CHAMPION
from bedside.registry.candidate import Candidate
from bedside.registry.log import Entry, PromotionLog, of_promotion, refused_since, rolled_back
from bedside.registry.models import Models
from bedside.scratch import home, project
from bedside.tracking import store
from bedside.tracking.errors import AddressError
from bedside.tracking.lock import locked
from bedside.tracking.patience import at_most

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

UNKNOWN = "unknown"  # as an author: nobody can be somebody else than that
LAST = ("CONFIRMED", "CLOSED", "ABANDONED")


class Promote(Params):
    """How a target's deployments are registered: under `<model>.<target>`, with or without a reviewer's sign-off."""

    model: str = pydantic.Field(default="ecg-arrhythmia", pattern=r"^[A-Za-z0-9_-]+$")
    sign_off: bool = True
    intended_use: str = (
        "Names each heart beat of an ambulatory two-lead ECG of an adult as N, S, V or F (AAMI EC57), for the classes "
        "that the verdict claims, as an aid to a person who looks at the ECG."
    )
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
            with locked(promotion_lock(), self.params.timeout), at_most(self.params.timeout):
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
                        f"promotion needs the tracking store: {error}. Nothing is half done: mend that and run promote "
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
            return self._decision(refused, {}, _kept(requested["expected"]))
        self._step("GATES_PASSED", lambda: {"variants": [c.variant for c in passed]})
        for candidate in passed:
            folder = self.bundles / candidate.variant
            self.digests[candidate.variant] = bundle.write(candidate, folder, self.params.intended_use)
        signed = self._step("SIGNED", lambda: self._signed(passed, run_id))
        moved = self._step("ALIASED", lambda: self._aliased(passed, signed["versions"], requested["expected"]))
        self._step("CONFIRMED", lambda: self._confirmed(moved["aliases"]))
        return self._decision(refused, signed["versions"], moved["aliases"])

    def _requested(self) -> Entry:
        """Take up the open or finished promotion of these very artifacts, or begin one."""
        asked = {
            "candidates": [c.digests for c in self.candidates],
            "params": self.params.model_dump(),
            "model": self.name,
        }
        work = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
        entries = self.log.verify()
        before = [entry for entry in entries if entry["state"] == "REQUESTED" and entry.get("work") == work]
        if before:
            self.id = before[-1]["promotion"]
            outdated = self._outdated(entries)
            if outdated is None:
                return before[-1]
            if not any(entry["state"] in LAST for entry in of_promotion(entries, self.id)):
                self._append("ABANDONED", {"reason": outdated})
        moved.tell(self.log, self.models, (CHALLENGER, CHAMPION), target=self.target)
        self.id = f"{work}-{len(before) + 1}"
        expected = {alias: self.models.number(alias) for alias in (CHALLENGER, CHAMPION)}
        begun = {"work": work, "author": author(), "expected": expected, "candidates": asked["candidates"]}
        return self._step("REQUESTED", lambda: begun)

    def _outdated(self, log: list[Entry]) -> str | None:
        """Why this promotion of the same artifacts is neither gone on with nor repeated; None if it still stands."""
        entries = list(of_promotion(log, self.id))
        signed = next((entry for entry in entries if entry["state"] == "SIGNED"), None)
        if not self._still_stands(entries):
            return "the aliases moved meanwhile"
        if signed and refused_since(log, signed, signed.get("graphs", {}).values()):
            return "a later promotion refused one of its graphs"
        if author_of(entries) == UNKNOWN != author():
            return "it was promoted by nobody in particular"  # nobody could sign it off
        return None

    def _still_stands(self, entries: list[Entry]) -> bool:
        """Whether the aliases are where this promotion found them or put them."""
        if any(entry["state"] == "ABANDONED" for entry in entries):
            return False
        allowed: dict[str, set[str | None]] = {alias: {number} for alias, number in entries[0]["expected"].items()}
        made = next((set(entry["versions"].values()) for entry in entries if entry["state"] == "SIGNED"), set())
        final = next((entry["aliases"] for entry in entries if entry["state"] == "ALIASED"), None)
        for alias, found in allowed.items():
            known = {final[alias]["version"]} if final else found | made
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
        """The version of each candidate, and of each version its graph (a rollback is of that) and its bundle."""
        versions = {c.variant: self._registered(c, run_id) for c in passed}
        return {
            "versions": versions,
            "graphs": {versions[c.variant]: c.graph_sha256 for c in passed},
            "bundles": {versions[c.variant]: self.digests[c.variant] for c in passed},
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
        pictures = self._reviewable(candidate, run_id)
        experiment = self.models.experiment(run_id)
        text = describe.version(candidate, experiment, run_id, pictures)
        return self.models.register(run_id, place, text, describe.tags(candidate, digest, author()))

    def _holds(self, version: "ModelVersion", digest: str) -> bool:
        """Whether a version leads to this very bundle: its tags, and the files behind it, can be edited."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = self.models.download(version, Path(folder))
                signing.verify(found, signing.public_key())
            except RefusedError:
                return False
            return signing.digest(found) == digest

    def _reviewable(self, candidate: Candidate, run_id: str) -> list[str]:
        """Upload what a reviewer looks at and a device does not need; the names of the pictures."""
        from bedside.reporting import review_page

        found = bundle.pictures(candidate)
        with tempfile.TemporaryDirectory() as folder:
            for picture in found:
                (Path(folder) / picture.name).write_bytes(picture.read_bytes())
            (Path(folder) / "index.html").write_text(review_page(candidate.summary, found), encoding="utf-8")
            self.models.upload(run_id, Path(folder), f"review/{candidate.variant}")
        return [picture.name for picture in found]

    def _aliased(
        self, passed: Sequence[Candidate], versions: dict[str, str], expected: dict[str, str | None]
    ) -> dict[str, Any]:
        """Move the aliases; where they point afterwards, where they pointed before, and why."""
        gone = rolled_back(self.log.verify(), self.name)
        measured = {candidate.graph_sha256 for candidate in self.candidates}
        challenger = aliases.challenger(self.models, passed, versions, gone, measured)
        leader = next((c for c in passed if versions[c.variant] == challenger.version), None)
        champion = aliases.champion(self.models, leader, challenger.version, sign_off=self.params.sign_off)
        moved = {}
        for alias, choice in ((CHALLENGER, challenger), (CHAMPION, champion)):
            move(self.models, alias, choice.version, expected[alias])
            version = self.models.number(alias)
            moved[alias] = {"version": version, "previous": expected[alias], "reason": choice.reason}
        return {"aliases": moved}

    def _confirmed(self, moved: dict[str, Any]) -> dict[str, Any]:
        """Read the aliases again, and verify the bundle behind each as a device would."""
        for alias, told in moved.items():
            confirm(self.models, alias, told["version"])
        return {"aliases": {alias: told["version"] for alias, told in moved.items()}}

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


def promotion_lock() -> Path:
    """One promotion or rollback at a time in this workspace."""
    return home() / "promotions.lock"


def move(models: Models, alias: str, number: str | None, expected: str | None) -> None:
    """Point `alias` at `number` if it still points at `expected`; None leaves it alone."""
    present = models.number(alias)
    if number is None or present == number:
        return
    if present != expected:
        raise RefusedError(
            f"{models.name}: {alias} moved from version {expected} to {present} meanwhile; run promote again"
        )
    models.point(alias, number)


def confirm(models: Models, alias: str, number: str | None) -> None:
    """Read `alias` back and verify that it leads to the bundle that was signed for this version."""
    version = models.aliased(alias)
    found = None if version is None else str(version.version)
    if found != number:
        raise RefusedError(f"{models.name}: {alias} is version {found} and should be {number}; run promote again")
    if version is not None:
        with tempfile.TemporaryDirectory() as folder:
            aliases.verified(models, version, Path(folder) / "bundle")


def author() -> str:
    """Who promotes: BEDSIDE_AUTHOR, else the name that git knows; a reviewer must be somebody else."""
    given = os.environ.get("BEDSIDE_AUTHOR", "").strip()
    if given:
        return given
    try:
        command = ["git", "-C", str(project()), "config", "user.email"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return done.stdout.strip() or UNKNOWN


def author_of(entries: Iterable[Entry]) -> str:
    """Who requested a promotion, from its entries."""
    asked = next((entry for entry in entries if entry["state"] == "REQUESTED"), {})
    return str(asked.get("author") or "").strip() or UNKNOWN
