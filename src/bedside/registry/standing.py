"""Where the aliases are, held against the log: MLflow's pages and its API move them for whoever can write there.

The log is the truth. An alias that is elsewhere is FOREIGN: recorded, said out loud, never confirmed and never a
rollback's goal; nothing is promoted until a person has decided.
"""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from bedside.errors import RefusedError
from bedside.registry.history import ALIASES, EMPTIED, may_stand_at, of_model, revoked, signed_as, stands_at
from bedside.registry.log import Entry, PromotionLog
from bedside.registry.models import Models

FOREIGN = "FOREIGN"


class Place(NamedTuple):
    """Where the registry has an alias, where the log left it, and what is wrong with that in words (None: nothing)."""

    alias: str
    found: str | None
    stands: str | None
    wrong: str | None


class ForeignError(RefusedError):
    """An alias is not where the log left it."""


def places(entries: Sequence[Entry], models: Models) -> list[Place]:
    """Every alias of a model, there and here."""
    return [_place(entries, models, alias) for alias in ALIASES]


def _place(entries: Sequence[Entry], models: Models, alias: str) -> Place:
    found, stands = models.number(alias), stands_at(entries, models.name, alias)
    if found in may_stand_at(entries, models.name, alias):
        return Place(alias, found, stands, None)
    gone = _by_revoked_key(entries, models.name, found) if found else ""
    where = f"at version {found}{gone}" if found else "nowhere"
    ours = f"confirmed version {stands}" if stands else "has no other" if gone else "never confirmed any"
    return Place(alias, found, stands, f"{models.name}: {alias} is FOREIGN, {where} in the registry; this log {ours}")


def _by_revoked_key(entries: Sequence[Entry], model: str, number: str) -> str:
    """Why what was confirmed once is foreign now."""
    reason = revoked(entries).get((signed_as(entries, model, number) or {}).get("key", ""))
    return f" (its key was revoked: {reason})" if reason else ""


def tell(log: PromotionLog, models: Models, target: str) -> list[Place]:
    """The places of the aliases; what is foreign goes into the log, once, and to stderr, every time."""
    if _is_emptied(log, models, target):
        return [Place(alias, None, None, None) for alias in ALIASES]
    found = places(log.verify(), models)
    for place in found:
        if place.wrong is None:
            continue
        print(f"bedside: {place.wrong}", file=sys.stderr)
        if not _is_told(log.verify(), models.name, place):
            about: dict[str, Any] = {"alias": place.alias, "found": place.found, "stands": place.stands}
            log.append(state=FOREIGN, model=models.name, target=target, reason=place.wrong, **about)
    return found


def expect_ours(log: PromotionLog, models: Models, target: str) -> dict[str, str | None]:
    """Alias to version, all of them where this log put them; ForeignError names one that is not."""
    found = tell(log, models, target)
    if wrong := [place.wrong for place in found if place.wrong]:
        raise ForeignError(
            f"{'; '.join(wrong)}. Where somebody moved it past bedside, find out who, and why. "
            f"`bedside restore {target}` puts back what the log confirmed, `bedside rollback {target}` goes one "
            "further back; then promote again"
        )
    return {place.alias: place.found for place in found}


def _is_told(entries: Sequence[Entry], model: str, place: Place) -> bool:
    about = [e for e in of_model(entries, model) if e["state"] == FOREIGN or place.alias in e.get("aliases", {})]
    last = about[-1] if about else None
    return last is not None and (last["state"], last.get("alias"), last.get("found")) == (
        FOREIGN,
        place.alias,
        place.found,
    )


def _is_emptied(log: PromotionLog, models: Models, target: str) -> bool:
    """A registry that knows nothing of the model was emptied or replaced: its version numbers begin again."""
    entries = log.verify()
    if models.exists() or not any(stands_at(entries, models.name, alias) for alias in ALIASES):
        return False
    reason = f"{models.name}: the registry knows no such model any more; its versions begin again, and no alias stands"
    print(f"bedside: {reason}", file=sys.stderr)
    log.append(state=EMPTIED, model=models.name, target=target, reason=reason, aliases=dict.fromkeys(ALIASES))
    return True
