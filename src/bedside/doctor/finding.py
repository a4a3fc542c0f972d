"""What a check finds."""

from typing import Literal, NamedTuple

State = Literal["ok", "note", "WRONG"]


class Finding(NamedTuple):
    """One answer: what it is about, and where something is wrong, the next step."""

    state: State
    text: str
    next: str = ""


def ok(text: str) -> Finding:
    """All as it should be."""
    return Finding("ok", text)


def note(text: str, step: str = "") -> Finding:
    """Worth knowing; nothing is wrong."""
    return Finding("note", text, step)


def wrong(text: str, step: str) -> Finding:
    """Something is wrong, and this is the next step."""
    return Finding("WRONG", text, step)
