"""What is tried: rows of faults. Try 17 of a row is the same fault whenever and wherever it is tried."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

Kind = Literal["held", "lost", "corrupt", "wrong", "late"]
BROKEN: tuple[Kind, ...] = ("lost", "corrupt", "wrong")


@dataclass(frozen=True)
class Outcome:
    """How one try ended: `lost`, work or records are gone; `corrupt`, what is visible is damaged or differs; `wrong`, a
    bad thing was accepted or a good one refused; `late`, the fault came after the work was done, so nothing was tried.

    `ungated` counts aliases that lead to what no gate let through, `promoted` good deployments that were let through.
    """

    kind: Kind
    told: str = ""
    ungated: int = 0
    promoted: int = 0


HELD = Outcome("held")


def wrong(told: str) -> Outcome:
    """A bad thing was accepted, or a good one refused."""
    return Outcome("wrong", told)


def corrupt(told: str) -> Outcome:
    """Something visible is damaged or not what it should be."""
    return Outcome("corrupt", told)


def lost(told: str) -> Outcome:
    """Work or records are gone."""
    return Outcome("lost", told)


@dataclass(frozen=True)
class Try:
    """One injection: its own empty `folder`, which is the working folder, and what the row's `base` made for all."""

    row: str
    number: int
    folder: Path
    base: Path

    @cached_property
    def chance(self) -> random.Random:
        """What is drawn follows from row and number alone."""
        return random.Random(f"{self.row}/{self.number}")


@dataclass(frozen=True)
class Row:
    """A kind of fault; `base` makes once, in its own process, what every try of it begins with."""

    name: str
    tries: int
    expected: str
    inject: Callable[[Try], Outcome]
    base: Callable[[Path], None] | None = None
    limit: float = 180.0
    not_built: str = ""


ROWS: dict[str, Row] = {}


def row(
    name: str, tries: int, expected: str, *, base: Callable[[Path], None] | None = None, limit: float = 180.0
) -> Callable[[Callable[[Try], Outcome]], Callable[[Try], Outcome]]:
    """Declare the decorated injection as a row; a try that takes longer than `limit` seconds is wrong."""

    def declare(inject: Callable[[Try], Outcome]) -> Callable[[Try], Outcome]:
        ROWS[name] = Row(name, tries, expected, inject, base, limit)
        return inject

    return declare


def not_built(name: str, tries: int, expected: str, why: str) -> None:
    """A row of the plan that cannot be tried, because what should hold does not exist; shown, never counted."""
    ROWS[name] = Row(name, tries, expected, lambda _: HELD, not_built=why)


def tenth(of: Row) -> list[int]:
    """A tenth of a row's numbers, rounded up and always the same.

    In steps of eleven: kinds of fault take turns with the number, and no row has eleven kinds.
    """
    return sorted(11 * turn % of.tries for turn in range(-(-of.tries // 10)))
