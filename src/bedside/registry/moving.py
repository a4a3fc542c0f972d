"""Moving an alias: written down before, confirmed after, undone where it cannot be confirmed. One at a time."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from bedside.errors import RefusedError
from bedside.registry.delivered import delivered
from bedside.registry.models import Models
from bedside.scratch import home
from bedside.tracking import TrackingError
from bedside.tracking.lock import locked

Moves = Mapping[str, Mapping[str, Any]]  # alias to version (None: it stays), previous version and reason
R = TypeVar("R")
WAIT = 60.0


def promotion_lock() -> Path:
    """One promotion, sign-off or way back at a time in this workspace."""
    return home() / "promotions.lock"


def alone(do: Callable[[], R]) -> R:
    """What a person decides, under the promotion lock; RefusedError where the registry is away."""
    try:
        with locked(promotion_lock(), WAIT):
            return do()
    except TimeoutError as error:
        raise RefusedError(f"a promotion is going on ({error}); try again") from None
    except TrackingError as error:
        raise RefusedError(f"the registry is away: {error}. Start it and give the same command again") from None


def carry_out(models: Models, moves: Moves) -> dict[str, Any]:
    """Move the aliases as decided; RefusedError where one is neither where it was nor where it goes."""
    for alias, told in moves.items():
        move(models, alias, told["version"], told["previous"])
    return {
        "aliases": {alias: {**told, "version": told["version"] or told["previous"]} for alias, told in moves.items()}
    }


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
        check(models, number)


def check(models: Models, number: str | None) -> None:
    """SignatureError unless the version's bundle is signed, and the one that the log names."""
    with tempfile.TemporaryDirectory() as folder:
        delivered(models, str(number), Path(folder) / "bundle")


def undo(models: Models, moves: Moves, back: Mapping[str, str | None]) -> dict[str, str | None]:
    """Take back what was moved of a decision that could not be confirmed; where the aliases stand then."""
    for alias, told in moves.items():
        number = back[alias]
        if told["version"] in (None, number) or models.number(alias) != told["version"]:
            continue
        if number is None:
            models.unpoint(alias)
        else:
            models.point(alias, number)
    return {alias: number for alias, number in back.items() if models.number(alias) == number}


@contextmanager
def undone_if_refused(
    models: Models, moves: Moves, abandon: Callable[..., Any], back: Mapping[str, str | None]
) -> Iterator[None]:
    """What is refused on the way to its confirmation leaves the aliases `back` where they were, and an entry why."""
    try:
        yield
    except RefusedError as error:
        abandon(reason=f"undone: {error}", aliases=undo(models, moves, back))
        raise
