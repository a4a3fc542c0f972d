"""What a person decides, step by step in the log: the parts that sign-offs and ways back share."""

from collections.abc import Callable
from typing import Any

from bedside.errors import RefusedError
from bedside.registry import moving
from bedside.registry.history import of_promotion, stands_at
from bedside.registry.log import Entry, PromotionLog
from bedside.registry.models import Models


class ByHand:
    """One decision about a target's registered model."""

    def __init__(self, target: str, model: str | None = None) -> None:
        self.log = PromotionLog()
        self.target = target
        self.name = model or self._only_model()
        self.models = Models(self.name)
        self.id = ""

    def _only_model(self) -> str:
        known = sorted({e["model"] for e in self.log.read() if e.get("target") == self.target and "model" in e})
        if len(known) != 1:
            targets = sorted({str(e["target"]) for e in self.log.read() if "target" in e})
            found = f"several models: {', '.join(known)}; name one with --model" if known else "no promotion"
            raise RefusedError(
                f"target {self.target!r}: {found}; targets in the promotion log: {', '.join(targets) or '-'}"
            )
        return str(known[0])

    def _carry_out(self, alias: str, number: str | None, found: str | None, reason: str, **about: Any) -> None:
        """Write down where the alias goes, move it, confirm it; back where the log has it if it cannot be confirmed."""
        stands = stands_at(self.log.verify(), self.name, alias)
        moves = {alias: {"version": number, "previous": found, "reason": reason}}
        decided = self._step("DECIDED", lambda: {"aliases": moves})
        with moving.undone_if_refused(self.models, decided["aliases"], self._abandoned, {alias: stands}):
            self._step("ALIASED", lambda: self._moved(decided["aliases"]))
            self._step("CONFIRMED", lambda: self._confirmed(alias, number) | about)

    def _moved(self, moves: moving.Moves) -> dict[str, Any]:
        return moving.carry_out(self.models, moves)

    def _confirmed(self, alias: str, number: str | None) -> dict[str, Any]:
        moving.confirm(self.models, alias, number)
        return {"aliases": {alias: number}}

    def _abandoned(self, **details: Any) -> None:
        self._append("ABANDONED", **details)

    def _step(self, state: str, do: Callable[[], dict[str, Any]]) -> Entry:
        done = next((entry for entry in of_promotion(self.log.read(), self.id) if entry["state"] == state), None)
        return done or self._append(state, **do())

    def _append(self, state: str, **details: Any) -> Entry:
        return self.log.append(state=state, promotion=self.id, model=self.name, target=self.target, **details)
