"""What a gate finds, and how findings become the status of a gate and of a claim."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["PASS", "FAIL", "INSUFFICIENT EVIDENCE", "NOT CLAIMED"]
PASS: Status = "PASS"
FAIL: Status = "FAIL"
INSUFFICIENT: Status = "INSUFFICIENT EVIDENCE"
NOT_CLAIMED: Status = "NOT CLAIMED"


@dataclass(frozen=True)
class Finding:
    """One answer in words: about one class, or about all of them (`about` is None).

    `plain` is what it comes to if it fails, for someone who reads no gates: a sentence about the variant, without it.
    """

    status: Status
    text: str
    about: str | None = None
    plain: str = ""


@dataclass(frozen=True)
class Findings:
    """All answers of one gate with the figures behind them."""

    findings: list[Finding]
    values: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GateResult:
    """The outcome of one gate as the verdict shows it; `failing` repeats what of the reason decided against it.

    `plain` is the first of that in plain words.
    """

    id: str
    title: str
    status: Status
    reason: str
    values: dict[str, Any]
    limits: dict[str, Any]
    failing: list[str] = field(default_factory=list)
    plain: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class MissingFigureError(LookupError):
    """The evidence lacks a figure that a gate asks for: that gate fails."""


def figure(evidence: Mapping[str, Any], path: str) -> float | None:
    """The number at a dotted path, None where it is undefined; MissingFigureError where it is absent or no number."""
    value: Any = evidence
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            raise MissingFigureError(f"the evidence holds no {path}")
        value = value[key]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MissingFigureError(f"{path} is {value!r}, not a number")
    return float(value)


def section(evidence: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The mapping at a dotted path; MissingFigureError where there is none."""
    value: Any = evidence
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping):
        raise MissingFigureError(f"the evidence holds no {path}")
    return value


def known(evidence: Mapping[str, Any], path: str) -> float:
    """The number at a dotted path; MissingFigureError also where it is undefined."""
    value = figure(evidence, path)
    if value is None:
        raise MissingFigureError(f"{path} is undefined")
    return value


def at_least(value: float | None, floor: float, what: str, about: str | None = None, plain: str = "") -> Finding:
    """Whether the share `value` reaches `floor`; an undefined value does not. `plain` has room for both."""
    if value is None or math.isnan(value):
        return Finding(FAIL, f"{what} is undefined (floor {floor:g})", about)
    told = plain.format(percent(value, floor), percent(floor))
    return Finding(PASS if value >= floor else FAIL, f"{what} {value:.4f} (floor {floor:g})", about, told)


def at_most(value: float | None, limit: float, what: str, about: str | None = None, plain: str = "") -> Finding:
    """Whether the share `value` keeps to `limit`; an undefined value does not. `plain` has room for both."""
    if value is None or math.isnan(value):
        return Finding(FAIL, f"{what} is undefined (limit {limit:g})", about)
    told = plain.format(percent(value, limit), percent(limit))
    return Finding(PASS if value <= limit else FAIL, f"{what} {value:.4g} (limit {limit:g})", about, told)


def percent(share: float, limit: float | None = None) -> str:
    """A share as `1.3%`, told apart from its limit."""
    return f"{apart(100 * share, None if limit is None else 100 * limit)}%"


def apart(value: float, limit: float | None = None, least: int = 2) -> str:
    """A figure with `least` digits or as many as tell it from a limit that it does not equal."""
    told = ""
    for digits in range(least, 8):
        told = f"{value:,.{digits}g}"
        if limit is None or value == limit or told != f"{limit:,.{digits}g}":
            break
    return told
