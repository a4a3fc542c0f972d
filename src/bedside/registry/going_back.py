"""The ways back: to the version before (rollback), and to what the log confirmed (restore)."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from bedside.errors import RefusedError
from bedside.registry import describe, moving, standing
from bedside.registry.by_hand import ByHand
from bedside.registry.delivered import delivered, read_json
from bedside.registry.history import (
    ALIASES,
    CHALLENGER,
    CHAMPION,
    LAST,
    been_at,
    graphs_of,
    of_promotion,
    refused_since,
    rolled_back,
    signed_as,
    stands_at,
)
from bedside.registry.keys import RECOVER
from bedside.registry.log import Entry
from bedside.summary import PASS, SIMULATED

LOST = f"where it is lost, {RECOVER}"


class GoingBack(ByHand):
    """One way back of one alias."""

    def roll_back(self, alias: str | None, reason: str) -> tuple[str, str, str]:
        """Point `alias` at the version it had before, by the log; alias, the version left and the one returned to."""
        standing.tell(self.log, self.models, self.target)
        alias = alias or (CHAMPION if stands_at(self.log.verify(), self.name, CHAMPION) else CHALLENGER)
        requested = self._sound_rollback(alias, reason)
        self.id, gone, back = requested["promotion"], requested["from"], requested["to"]
        self._step("SIGNED", lambda: {"version": back})
        self._carry_out(alias, back, self.models.number(alias), requested["reason"])
        if self.models.version(gone) is not None:
            self.models.tag(gone, describe.ROLLED_BACK, requested["reason"])
        return alias, gone, back

    def restore(self, alias: str | None) -> list[tuple[str, str | None, str | None]]:
        """Put what is FOREIGN back to what the log confirmed; alias, version found and version that stands, of each."""
        wrong = [p for p in standing.tell(self.log, self.models, self.target) if p.wrong and alias in (None, p.alias)]
        return [(place.alias, place.found, self._restored(place)) for place in wrong]

    def _restored(self, place: standing.Place) -> str | None:
        self.id = f"restore-{len(self.log.verify()) + 1}"
        reason = f"{place.alias} was at version {place.found} past this log"
        if place.stands is None:
            self._take_away(place.alias, reason)
            return None
        if objection := self._unfit(place.stands, place.alias):
            raise RefusedError(
                f"{self.name}: {place.alias} cannot go back to version {place.stands}: {objection}. "
                f"`bedside rollback {self.target} --alias {place.alias}` goes to the one before; {LOST}"
            )
        self._carry_out(place.alias, place.stands, place.found, reason)
        return place.stands

    def take_away(self, alias: str | None, reason: str) -> list[tuple[str, str | None, str | None]]:
        """Take aliases away where what they led to is lost; nothing is said against its graph, it may come back."""
        standing.tell(self.log, self.models, self.target)
        found = [(name, self.models.number(name)) for name in ALIASES if alias in (None, name)]
        self.id = f"restore-{len(self.log.verify()) + 1}"
        there = [(name, number) for name, number in found if number is not None]
        for name, _ in there:
            self._take_away(name, reason)
        return [(name, number, None) for name, number in there]

    def _take_away(self, alias: str, reason: str) -> None:
        self._append("DECIDED", aliases={alias: {"version": None, "previous": None, "reason": reason}})
        self.models.unpoint(alias)
        self._append("CONFIRMED", aliases={alias: None}, reason=reason)

    def _sound_rollback(self, alias: str, reason: str) -> Entry:
        """The open rollback or a new one, to the latest earlier version that is still fit."""
        damaged: dict[str, str] = {}
        while True:
            requested = self._open_rollback(alias) or self._requested_rollback(alias, reason, damaged)
            objection = self._unfit(requested["to"], alias)
            if objection is None:
                return requested
            damaged[requested["to"]] = objection
            self._give_up(requested, objection)

    def _unfit(self, number: str, alias: str) -> str | None:
        """Why an alias may not come back to this version: what every move asks, of its bundle and of the log."""
        entries = self.log.verify()
        signed, gone = signed_as(entries, self.name, number), rolled_back(entries, self.name)
        if signed is None:
            return "no promotion in this workspace's log registered it"
        graph = graphs_of(entries, self.name).get(number, "")
        if told := [gone[name] for name in (number, graph) if name in gone]:
            return f"it was rolled back ({told[0]})"
        if refused := refused_since(entries, signed, [graph] if graph else []):
            return f"a later promotion refused its graph ({refused['reason']})"
        return self._unfit_by_its_bundle(number, alias)

    def _unfit_by_its_bundle(self, number: str, alias: str) -> str | None:
        try:
            with tempfile.TemporaryDirectory() as folder:
                verdict = read_json(delivered(self.models, number, Path(folder) / "bundle") / "verdict.json")
        except RefusedError as error:
            return str(error)
        if verdict["verdict"] != PASS:
            return f"its verdict is {verdict['verdict']}"
        if alias == CHAMPION and verdict.get("labels", {}).get("source") in (None, SIMULATED, "unlabelled"):
            return "it was not made from real data"
        return None

    def _open_rollback(self, alias: str) -> Entry | None:
        """A rollback of this alias that was killed on its way; it is finished before another one begins.

        Unless something else moved the alias since: then it is given up, or no later rollback could ever begin.
        """
        entries = self.log.verify()
        asked = [e for e in entries if e["state"] == "ROLLBACK" and e["model"] == self.name and e["alias"] == alias]
        if not asked or any(e["state"] in LAST for e in of_promotion(entries, asked[-1]["promotion"])):
            return None
        stands = stands_at(entries, self.name, alias)
        if stands == asked[-1]["from"]:
            return asked[-1]
        self._give_up(asked[-1], f"{alias} moved on from version {asked[-1]['from']} to {stands}")
        return None

    def _give_up(self, requested: Entry, reason: str) -> None:
        """Give a rollback up. Its alarm stands, moved or not: the graph that it was about never comes back."""
        self.id = requested["promotion"]
        self._append("ABANDONED", reason=reason)

    def _requested_rollback(self, alias: str, reason: str, damaged: Mapping[str, str]) -> Entry:
        entries = self.log.verify()
        present = stands_at(entries, self.name, alias)
        if present is None:
            raise RefusedError(f"{self.name}: nothing to roll back to, {alias} points nowhere")
        past, graphs = been_at(entries, self.name, alias), graphs_of(entries, self.name)
        gone = {*rolled_back(entries, self.name), graphs.get(present)}
        earlier = past[: past.index(present)] if present in past else past
        before = [
            number for number in earlier if number not in {*gone, *damaged} and graphs.get(number, number) not in gone
        ]
        if not before and damaged:
            told = ", ".join(f"version {number} ({why})" for number, why in damaged.items())
            raise RefusedError(
                f"{self.name}: {alias} stays at version {present}, no earlier version is sound: {told}; {LOST}"
            )
        if not before:
            raise RefusedError(
                f"{self.name}: nothing to roll back to, {alias} had no other graph before version {present}"
            )
        self.id = f"rollback-{len(entries) + 1}"
        left = {"from": present, "to": before[-1], "graph": graphs.get(present)}
        return self._append("ROLLBACK", alias=alias, reason=reason, **left)


def roll_back(target: str, *, alias: str | None = None, model: str | None = None, reason: str) -> tuple[str, str, str]:
    """`GoingBack.roll_back` under the promotion lock; RefusedError where the store is away."""
    return moving.alone(lambda: GoingBack(target, model).roll_back(alias, reason))


def take_away(
    target: str, *, alias: str | None = None, model: str | None = None, reason: str
) -> list[tuple[str, str | None, str | None]]:
    """`GoingBack.take_away` under the promotion lock; RefusedError where the store is away."""
    return moving.alone(lambda: GoingBack(target, model).take_away(alias, reason))


def restore(
    target: str, *, alias: str | None = None, model: str | None = None
) -> list[tuple[str, str | None, str | None]]:
    """`GoingBack.restore` under the promotion lock; RefusedError where the store is away."""
    return moving.alone(lambda: GoingBack(target, model).restore(alias))
