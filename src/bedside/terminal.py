"""What is printed, and in which encoding."""

import io
import locale
import os
import sys
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 160  # columns; a file or a pipe has no width of its own, and at 80 the figures of a table become dots


def console(*, stderr: bool = False) -> "Console":
    """As wide as the terminal or as COLUMNS says; `WIDE` where neither is known."""
    from rich.console import Console

    known = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
    return Console(stderr=stderr, width=None if known else WIDE)


def in_utf8() -> None:
    """Start this command again in Python's UTF-8 mode where the locale is of another encoding.

    Only so is a name in params.yaml the name of a file too. What cannot be shown all the same is shown as an escape.
    """
    if not sys.flags.utf8_mode and locale.getencoding().lower() not in ("utf-8", "utf8"):
        again = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONUTF8": "1"})
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def printable(value: Any) -> Any:
    """Text as one line without control characters and hidden ones, which could fake lines or hide words; also inside.

    >>> printable({"reason": "fine\n 7 CONFIRMED"})
    {'reason': 'fine 7 CONFIRMED'}
    """
    if isinstance(value, Mapping):
        return {printable(key): printable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [printable(inner) for inner in value]
    if not isinstance(value, str):
        return value
    return "".join("\N{REPLACEMENT CHARACTER}" if is_hidden(letter) else letter for letter in " ".join(value.split()))


def is_hidden(letter: str) -> bool:
    """Whether a character shows nothing of its own: controls, formats such as a zero-width space, unassigned ones."""
    return unicodedata.category(letter) in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")
