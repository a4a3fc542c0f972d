"""What is printed, and in which encoding."""

import io
import locale
import os
import sys
from typing import TYPE_CHECKING

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
