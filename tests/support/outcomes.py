"""Outcomes of small made-up tasks."""

from typing import Any

from bedside.outcome import Outcome


def deciding(*classes: str, **more: Any) -> Outcome:
    """A task of these classes; the first is the background, the others are watched and rare."""
    told = {"macro": {"classes": classes}, "watched": classes[1:], "rare": classes[1:], "background": classes[0]}
    return Outcome.model_validate({"classes": classes, **told, **more})
