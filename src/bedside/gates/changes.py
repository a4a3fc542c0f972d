"""How two definitions of gates and budget differ: number by number, and whether that lets more through."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

from bedside.gates.limits import Budget, Gates

Direction = Literal["looser", "tighter", "other"]

# Which way is tighter; what is in neither list asks another question, and nobody can say whether that is easier.
TIGHTER_WHEN_HIGHER = (
    "gates.classes.*.required",
    "gates.G1.test_patients",
    "gates.G2.patients",
    "gates.G2.events",
    "gates.G3.floors.*.gross",
    "gates.G3.floors.*.lower",
    "gates.G3.normal_specificity",
    "gates.G4.floors.*",
    "gates.G5.gross_confidence",
    "gates.G5.average_confidence",
    "gates.G5.macro_f1_ratio",
    "gates.G5.replicates",
    "budget.cheaper",
    "promote.sign_off",
)
TIGHTER_WHEN_LOWER = (
    "gates.G1.shared",
    "gates.G5.delta.*",
    "gates.G7.classes.*",
    "gates.G7.all",
    "gates.G7.patient",
    "gates.G8.events",
    "gates.G8.fall.*",
    "gates.G14.max_logit_difference",
    "gates.G14.label_changes",
    "budget.size_bytes",
    "budget.p99_ms",
    "budget.peak_rss_mb",
    "budget.slower",
)


class Change(NamedTuple):
    """A number that is not what it was; None on the side where it does not exist."""

    path: str
    old: Any
    new: Any
    direction: Direction

    def __str__(self) -> str:
        told = "a different question" if self.direction == "other" else self.direction
        return f"{self.path} {_shown(self.old)} -> {_shown(self.new)} ({told})"


def limits(gates: Gates, budget: Budget, *, sign_off: bool) -> dict[str, Any]:
    """Everything that decides on a target, as the promotion log keeps it: numbers, and whether a person has to look."""
    return {
        "gates": gates.model_dump(mode="json"),
        "budget": budget.model_dump(mode="json"),
        "promote": {"sign_off": sign_off},
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs between two such definitions, in the order of the newer one; the looser ones first.

    >>> [str(c) for c in changes({"budget": {"p99_ms": 2.0}}, {"budget": {"p99_ms": 1e12}})]
    ['budget.p99_ms 2 -> 1e+12 (looser)']
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    paths = [*new, *(path for path in old if path not in new)]
    found = [_change(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)]
    return sorted(found, key=lambda change: change.direction == "tighter")


def loosening(found: Sequence[Change]) -> list[Change]:
    """Those that may let more through: looser ones, and whatever asks another question than before."""
    return [change for change in found if change.direction != "tighter"]


def _change(path: str, old: Any, new: Any) -> Change:
    def is_among(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(path, pattern) for pattern in patterns)

    upwards, downwards = is_among(TIGHTER_WHEN_HIGHER), is_among(TIGHTER_WHEN_LOWER)
    if old is None or new is None or not (upwards or downwards):
        return Change(path, old, new, "other")
    return Change(path, old, new, "tighter" if (new > old) is upwards else "looser")


def _leaves(of: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of everything that is no mapping."""
    if not isinstance(of, Mapping):
        yield path, of
        return
    for name, inner in of.items():
        yield from _leaves(inner, f"{path}.{name}" if path else str(name))


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
