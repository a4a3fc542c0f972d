"""Aliases that somebody moved past this project, in MLflow's pages or by its API: told, and never trusted."""

from collections.abc import Sequence
from typing import Any

from bedside.registry.log import Entry, PromotionLog
from bedside.registry.models import Models

STATE = "MOVED"


def tell(log: PromotionLog, models: Models, aliases: Sequence[str], **about: Any) -> None:
    """Write an entry for each alias that is not where the log left it. What it leads to is verified before any use."""
    for alias in aliases:
        entries = log.verify()
        place = last_move(entries, models.name, alias)
        if place is None:
            continue
        known, number = entries[place]["aliases"][alias]["version"], models.number(alias)
        if number != known and not _is_explained(entries[place + 1 :], models.name, number):
            reason = f"{alias} was moved from version {known} to {number} past this log: find out who did it, and why"
            moved = {alias: {"version": number, "previous": known, "reason": reason}}
            log.append(state=STATE, model=models.name, aliases=moved, reason=reason, **about)


def last_move(entries: Sequence[Entry], model: str, alias: str) -> int | None:
    """Where in the log it stands that this alias was moved, or seen to have been."""
    moves = [
        place
        for place, entry in enumerate(entries)
        if entry["state"] in ("ALIASED", STATE) and entry["model"] == model and alias in entry["aliases"]
    ]
    return moves[-1] if moves else None


def _is_explained(since: Sequence[Entry], model: str, number: str | None) -> bool:
    """Whether a promotion, sign-off or rollback was killed after it had moved the alias, before it could say so."""
    signed = (entry for entry in since if entry["state"] == "SIGNED" and entry["model"] == model)
    return any(number in (entry.get("version"), *entry.get("versions", {}).values()) for entry in signed)
