"""By which gates and budget a model was judged so far, and what a new promotion changes of them.

The yardstick is what the last promotion was judged by, unless that was looser: looser numbers become the yardstick when
a reviewer has signed off a version that was judged by them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.gates.changes import Change, changes, loosening
from bedside.registry.history import of_model, of_promotion, signed_as
from bedside.registry.log import Entry

Limits = Mapping[str, Any]


def present(entries: Sequence[Entry], model: str) -> Limits | None:
    """The limits that count for a model so far; None where no promotion of it said any."""
    found: Limits | None = None
    for entry in of_model(entries, model):
        if entry["state"] == "REQUESTED" and "limits" in entry:
            given = entry["limits"]
            if found is None or not loosening(changes(found, given)):
                found = given
        elif entry["state"] == "CONFIRMED" and "reviewer" in entry:
            found = _judged_by(entries, model, entry) or found
    return found


def _judged_by(entries: Sequence[Entry], model: str, confirmed: Entry) -> Limits | None:
    """The limits of the promotion whose version a reviewer signed off."""
    number = next(iter(confirmed["aliases"].values()))
    before = entries[: confirmed["seq"]]
    signed = signed_as(before, model, number)
    asked = next(of_promotion(before, signed["promotion"]), None) if signed else None
    return (asked or {}).get("limits")


def against(entries: Sequence[Entry], model: str, limits: Limits) -> list[Change]:
    """What these limits change against the yardstick; nothing where there is none yet."""
    before = present(entries, model)
    return [] if before is None else changes(before, limits)


def in_words(found: Sequence[Change]) -> str:
    """A sentence that begins with what matters most; empty where nothing changed."""
    if not found:
        return ""
    looser = loosening(found)
    head = (
        "GATES ARE LOOSER than those that earlier versions were judged by"
        if looser
        else "Gates are tighter than those that earlier versions were judged by"
    )
    return f"{head}: {', '.join(map(str, found))}"
