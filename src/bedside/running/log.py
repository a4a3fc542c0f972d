"""Everything that stages and DVC print during a run, in a file; and what of it to show when a stage fails."""

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bedside.scratch import home

KEPT = 30  # runs
SHOWN = 8  # lines of a stage that failed


@contextlib.contextmanager
def opened() -> Iterator[Path]:
    """The file of this run, which takes what this process and all that it starts print from now on."""
    file = _new(home() / "logs")
    sys.stdout.flush()
    sys.stderr.flush()
    screen = {number: os.dup(number) for number in (1, 2)}
    with file.open("ab") as log:
        for number in screen:
            os.dup2(log.fileno(), number)
    try:
        yield file
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, there in screen.items():
            os.dup2(there, number)
            os.close(there)


def nowhere() -> contextlib.AbstractContextManager[None]:
    """No file: everything is printed where it always was."""
    return contextlib.nullcontext()


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"))[: 1 - KEPT]:
        old.unlink(missing_ok=True)
    return folder.resolve() / f"{time.strftime('%Y-%m-%dT%H-%M-%S')}-{os.getpid()}.log"


def size(log: Path | None) -> int:
    """How much there is by now: where the next stage's own output begins."""
    return log.stat().st_size if log else 0


def excerpt(log: Path, begin: int, component: str) -> Iterator[str]:
    """What a stage that failed said: its own refusal first, if it gave one, then its last lines before that."""
    lines = _lines(log, begin)
    refusals = [place for place, line in enumerate(lines) if line.startswith(f"{component}: ")]
    refused = refusals[-1] if component and refusals else len(lines)
    yield from lines[refused:]
    if before := lines[max(0, refused - SHOWN) : refused]:
        yield "Its last lines before that:" if refused < len(lines) else "Its last lines:"
        yield from (f"  {line}" for line in before)


def _lines(log: Path, begin: int) -> list[str]:
    """The stage's lines, without DVC's own about it; a progress bar counts as what it was last."""
    with log.open("rb") as file:
        file.seek(begin)
        text = file.read().decode(errors="replace")
    last = (line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n"))
    return [line for line in last if line and not re.match(r"Running stage '|> |(Updating|Generating) lock file", line)]
