"""What a person decides: a reviewer's sign-off, and the way back. The same states, lock and log as a promotion."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.artifacts import sha256
from bedside.errors import RefusedError
from bedside.registry import aliases, describe, moved
from bedside.registry.aliases import CHALLENGER, CHAMPION, verified
from bedside.registry.log import Entry, PromotionLog, graphs_of, of_promotion, refused_since, rolled_back, signed_as
from bedside.registry.models import Models
from bedside.registry.promotion import UNKNOWN, author_of, confirm, move, promotion_lock
from bedside.registry.signing import SignatureError
from bedside.tracking import TrackingError
from bedside.tracking.lock import locked

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

WAIT = 60.0


class ByHand:
    """One decision about a target's registered model, written to the log step by step."""

    def __init__(self, target: str, model: str | None = None) -> None:
        self.log = PromotionLog()
        self.target = target
        self.name = model or self._only_model()
        self.models = Models(self.name)
        self.id = ""

    def roll_back(self, alias: str | None, reason: str) -> tuple[str, str, str]:
        """Point `alias` at the version it had before; returns alias, the version left and the one returned to."""
        moved.tell(self.log, self.models, (CHALLENGER, CHAMPION), target=self.target)
        alias = alias or (CHAMPION if self.models.number(CHAMPION) else CHALLENGER)
        requested = self._sound_rollback(alias, reason)
        self.id, gone, back = requested["promotion"], requested["from"], requested["to"]
        self._step("SIGNED", lambda: {"version": back})
        self._step("ALIASED", lambda: self._moved(alias, back, gone, requested["reason"]))
        self.models.tag(gone, describe.ROLLED_BACK, requested["reason"])
        self._step("CONFIRMED", lambda: self._confirmed(alias, back))
        return alias, gone, back

    def approve(self, number: str, reviewer: str, reason: str) -> None:
        """Make a registered version champion on a reviewer's word; RefusedError (and an entry) if it may not be."""
        moved.tell(self.log, self.models, (CHALLENGER, CHAMPION), target=self.target)
        self.id = f"approval-{len(self.log.read()) + 1}"
        present = self.models.number(CHAMPION)
        self._append("REQUESTED", version=number, reviewer=reviewer, reason=reason, expected={CHAMPION: present})
        try:
            objection = self._objection(number, reviewer, reason)
        except SignatureError as error:
            objection = str(error)
        if objection:
            self._append("REFUSED", version=number, reason=objection)
            raise RefusedError(f"{self.name} version {number} may not become champion: {objection}")
        self._append("GATES_PASSED", version=number)
        self._step("SIGNED", lambda: self._verified(number))
        self._step("ALIASED", lambda: self._moved(CHAMPION, number, present, f"signed off by {reviewer}: {reason}"))
        self.models.tag(number, "signed off by", reviewer)
        self._step("CONFIRMED", lambda: self._confirmed(CHAMPION, number))

    def _only_model(self) -> str:
        known = sorted({e["model"] for e in self.log.read() if e.get("target") == self.target and "model" in e})
        if len(known) != 1:
            targets = sorted({str(e["target"]) for e in self.log.read() if "target" in e})
            found = f"several models: {', '.join(known)}; name one with --model" if known else "no promotion"
            raise RefusedError(
                f"target {self.target!r}: {found}; targets in the promotion log: {', '.join(targets) or '-'}"
            )
        return str(known[0])

    def _sound_rollback(self, alias: str, reason: str) -> Entry:
        """The open rollback or a new one, to the latest earlier version whose bundle is still the one signed."""
        damaged: dict[str, str] = {}
        while True:
            requested = self._open_rollback(alias) or self._requested_rollback(alias, reason, damaged)
            try:
                self._verified(requested["to"])
            except RefusedError as error:
                damaged[requested["to"]] = str(error)
                self._abandon(requested, str(error))
            else:
                return requested

    def _open_rollback(self, alias: str) -> Entry | None:
        """A rollback of this alias that was killed on its way; it is finished before another one begins.

        Unless something else moved the alias since: then it is given up, or no later rollback could ever begin.
        """
        entries = self.log.verify()
        asked = [e for e in entries if e["state"] == "ROLLBACK" and e["model"] == self.name and e["alias"] == alias]
        if not asked or any(
            e["state"] in ("CONFIRMED", "ABANDONED") for e in of_promotion(entries, asked[-1]["promotion"])
        ):
            return None
        present = self.models.number(alias)
        if present in (asked[-1]["from"], asked[-1]["to"]):
            return asked[-1]
        self._abandon(asked[-1], f"{alias} moved on from version {asked[-1]['from']} to {present}")
        return None

    def _abandon(self, requested: Entry, reason: str) -> None:
        """Give a rollback up. Its alarm stands, moved or not: the graph that it was about never comes back."""
        self.id = requested["promotion"]
        self._append("ABANDONED", reason=reason)

    def _requested_rollback(self, alias: str, reason: str, damaged: Mapping[str, str]) -> Entry:
        present, entries = self.models.number(alias), self.log.verify()
        if present is None:
            raise RefusedError(f"{self.name}: nothing to roll back to, {alias} points nowhere")
        past, graphs = history(entries, self.name, alias), graphs_of(entries, self.name)
        gone = {*rolled_back(entries, self.name), graphs.get(present)}
        earlier = past[: past.index(present)] if present in past else past
        before = [
            number for number in earlier if number not in {*gone, *damaged} and graphs.get(number, number) not in gone
        ]
        if not before and damaged:
            told = ", ".join(f"version {number} ({why})" for number, why in damaged.items())
            raise RefusedError(f"{self.name}: {alias} stays at version {present}, no earlier version is sound: {told}")
        if not before:
            raise RefusedError(
                f"{self.name}: nothing to roll back to, {alias} had no other graph before version {present}"
            )
        self.id = f"rollback-{len(entries) + 1}"
        moving = {"from": present, "to": before[-1], "graph": graphs.get(present)}
        return self._append("ROLLBACK", alias=alias, reason=reason, **moving)

    def _objection(self, number: str, reviewer: str, reason: str) -> str | None:
        """Why this version may not become champion. Only the log and the signed bundle count: tags can be edited."""
        version, signed = self.models.version(number), signed_as(self.log.verify(), self.name, number)
        if version is None or signed is None:
            return "no promotion in this workspace's log registered it"
        return self._four_eyes(signed, reviewer, reason) or self._judgement(version, signed)

    def _four_eyes(self, signed: Entry, reviewer: str, reason: str) -> str | None:
        author = author_of(of_promotion(self.log.verify(), signed["promotion"]))
        if not reviewer.strip() or not reason.strip():
            return "a sign-off names its reviewer and its reason"
        if author == UNKNOWN:
            return "nobody knows who promoted it; set BEDSIDE_AUTHOR where promote runs, promote again"
        if reviewer.strip().casefold() == author.casefold():
            return f"the reviewer is its author ({reviewer}); somebody else has to look"
        return None

    def _judgement(self, version: "ModelVersion", signed: Entry) -> str | None:
        """What rollbacks, later promotions, its own verdict and the present champion say against it."""
        number, entries = str(version.version), self.log.verify()
        with tempfile.TemporaryDirectory() as folder:
            bundle = verified(self.models, version, Path(folder) / "bundle")
            verdict, graph = aliases.read_json(bundle / "verdict.json"), sha256(bundle / "model.onnx")
        gone = rolled_back(entries, self.name)
        if told := [gone[name] for name in (number, graph) if name in gone]:
            return f"it was rolled back ({told[0]}); promote another graph"
        if refused := refused_since(entries, signed, [graph]):
            return f"a later promotion refused its graph ({refused['reason']}); promote one that passes"
        if verdict["verdict"] != "PASS":
            return f"its verdict is {verdict['verdict']}"
        choice = aliases.fit_for_champion(self.models, verdict.get("labels", {}).get("source"), number)
        return choice.reason if choice.version is None else None

    def _verified(self, number: str) -> dict[str, Any]:
        version = self.models.version(number)
        if version is None:
            raise RefusedError(f"{self.name}: version {number} is gone from the registry")
        with tempfile.TemporaryDirectory() as folder:
            verified(self.models, version, Path(folder) / "bundle")
        return {"version": number}

    def _moved(self, alias: str, number: str, expected: str | None, reason: str) -> dict[str, Any]:
        move(self.models, alias, number, expected)
        return {"aliases": {alias: {"version": number, "previous": expected, "reason": reason}}}

    def _confirmed(self, alias: str, number: str) -> dict[str, Any]:
        confirm(self.models, alias, number)
        return {"aliases": {alias: number}}

    def _step(self, state: str, do: Callable[[], dict[str, Any]]) -> None:
        if not any(entry["state"] == state for entry in of_promotion(self.log.read(), self.id)):
            self._append(state, **do())

    def _append(self, state: str, **details: Any) -> Entry:
        return self.log.append(state=state, promotion=self.id, model=self.name, target=self.target, **details)


def history(entries: Sequence[Entry], model: str, alias: str) -> list[str]:
    """The versions that `alias` came through, the present one last; a way back cuts off what it left."""
    past: list[str] = []
    for entry in entries:
        told = entry.get("aliases", {}).get(alias) if entry["state"] == "ALIASED" and entry["model"] == model else None
        number = told["version"] if told else None
        if number is not None:
            past = [*past[: past.index(number)], number] if number in past else [*past, number]
    return past


def roll_back(target: str, *, alias: str | None = None, model: str | None = None, reason: str) -> tuple[str, str, str]:
    """`ByHand.roll_back` under the promotion lock; RefusedError where the store is away."""
    moved: tuple[str, str, str] = _alone(lambda: ByHand(target, model).roll_back(alias, reason))
    return moved


def approve(target: str, number: str, *, reviewer: str, reason: str, model: str | None = None) -> None:
    """`ByHand.approve` under the promotion lock; RefusedError where the store is away."""
    _alone(lambda: ByHand(target, model).approve(number, reviewer, reason))


def _alone(do: Callable[[], Any]) -> Any:
    try:
        with locked(promotion_lock(), WAIT):
            return do()
    except TimeoutError as error:
        raise RefusedError(f"a promotion is going on ({error}); try again") from None
    except TrackingError as error:
        raise RefusedError(f"the registry is away: {error}. Start it and give the same command again") from None
