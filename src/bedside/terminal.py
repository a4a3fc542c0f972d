"""Where tables are printed."""

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
