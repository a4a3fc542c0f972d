"""Cron expressions: the usual five fields, checked here, since Kubeflow's server reads them another way.

Its parser takes seconds first and lets the last field be missing: `0 3 * * 1` would be every day of January that has an
hour with a minute 3. What is sent there begins with `0` seconds.
"""

import re

from bedside.errors import RefusedError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of the week", 0, 6, DAYS),
)
EXAMPLE = "for example `0 3 * * 1`, every Monday at 3 o'clock"


def checked(expression: str) -> str:
    """The same expression with single blanks; RefusedError names the field that is wrong."""
    parts = expression.split()
    if len(parts) != len(FIELDS):
        names = ", ".join(name for name, *_ in FIELDS)
        raise RefusedError(f"cron {expression!r} has {len(parts)} fields, not five ({names}); {EXAMPLE}")
    values = [_values(part, *field) for part, field in zip(parts, FIELDS, strict=True)]
    days, months = values[2], values[3]
    if parts[4] == "*" and all(min(days) > LENGTHS[month - 1] for month in months):
        raise RefusedError(f"cron {expression!r}: no such month has a day {min(days)}, so it never comes; {EXAMPLE}")
    return " ".join(parts)


def for_kubeflow(expression: str) -> str:
    """Six fields, seconds first."""
    return f"0 {checked(expression)}"


def _values(field: str, name: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(\*|\w+(?:-\w+)?)(?:/([1-9]\d*))?", part)
        ends = _ends(match[1], low, high, names) if match else None
        if match is None or ends is None:
            known = f"{low}-{high}" + (f" or {names[0]}-{names[-1]}" if names else "")
            raise RefusedError(f"cron: {part!r} is no {name} ({known}, lists, ranges, steps such as */2); {EXAMPLE}")
        first, last = ends
        # A single value with a step goes on to the end: 5/15 is 5, 20, 35, 50.
        found |= set(range(first, (high if match[2] and "-" not in match[1] else last) + 1, int(match[2] or 1)))
    return found


def _ends(text: str, low: int, high: int, names: tuple[str, ...]) -> tuple[int, int] | None:
    """First and last value of `*`, `3` or `mon-fri`; None if it is not within the field."""
    if text == "*":
        return low, high
    try:
        ends = [names.index(one.lower()) + low if one.lower() in names else int(one) for one in text.split("-")]
    except ValueError:
        return None
    first, last = ends[0], ends[-1]
    return (first, last) if low <= first <= last <= high else None
