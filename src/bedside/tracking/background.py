"""Replaying while or after a stage works, in a process of its own: it can neither slow, block nor kill the work.

A stage that lives longer than `BEDSIDE_FLUSH_AFTER` seconds (60) gets a follower, so its curves can be watched. It goes
on until the stage has ended and leaves the rest to the next flush if the store is away. `BEDSIDE_FLUSH` chooses:
`background` (default), `end` (for containers: one bounded flush when the stage ends), `off`.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from typing import TypeVar

from bedside.scratch import project
from bedside.tracking import journal
from bedside.tracking.errors import TrackingError

WAYS = ("background", "end", "off")
AFTER = 60.0  # seconds; importing MLflow costs several, on the core that a short stage measures or trains on
PAUSE = 15.0  # seconds between two looks at the journals
END_TIMEOUT = 60.0
Default = TypeVar("Default", str, float)


def chosen() -> str:
    """When journals are replayed; a slip in the variable is told, and never costs the work."""
    given = os.environ.get("BEDSIDE_FLUSH", WAYS[0])
    if given in WAYS:
        return given
    return _not_understood("BEDSIDE_FLUSH", given, f"one of {', '.join(WAYS)}", WAYS[0])


def _seconds(variable: str, default: float) -> float:
    given = os.environ.get(variable, str(default))
    try:
        return max(0.0, float(given))
    except ValueError:
        return _not_understood(variable, given, "seconds", default)


def _not_understood(variable: str, given: str, needed: str, default: Default) -> Default:
    print(f"tracking: {variable}={given!r} is not {needed}; {default} is taken", file=sys.stderr)
    return default


class Follower:
    """Starts the follower once the run is old enough; a short run never pays for importing MLflow."""

    def __init__(self, key: str) -> None:
        self._timer = threading.Timer(_seconds("BEDSIDE_FLUSH_AFTER", AFTER), self._start, [key])
        self._timer.daemon = True
        if chosen() == "background":
            self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()

    def _start(self, key: str) -> None:
        # Its own session: Ctrl-C ends the stage, and the follower then records how it ended.
        subprocess.Popen(
            [sys.executable, "-m", "bedside.tracking.background", key],
            cwd=project(),  # a temporary copy may be gone before the follower is
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def at_end() -> None:
    """Flush in a process that is ended when its time is over, whatever the store does."""
    limit = _seconds("BEDSIDE_FLUSH_TIMEOUT", END_TIMEOUT)
    command = [sys.executable, "-m", "bedside.cli", "flush", "--timeout", str(limit)]
    try:
        done = subprocess.run(
            command, timeout=limit + 15, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        message = "" if done.returncode == 0 else done.stderr.strip()
    except (OSError, subprocess.SubprocessError) as error:
        message = str(error)
    if message:
        print(f"tracking: {message}", file=sys.stderr)


def follow(key: str) -> None:
    """Replay again and again while the run of this journal lives, and once after its end or its death.

    What that last time leaves, because the store is away or the journal torn, is the next flush's.
    """
    os.nice(10)
    path = journal.folder() / f"{key}.jsonl"
    lives = True
    while lives and path.exists():
        lives = journal.is_alive(path)  # asked before replaying: what a dead process has written is all there
        _try()
        _wait(path)


def _wait(path: os.PathLike[str]) -> None:
    """Sleep, but not past the end of the run."""
    deadline = time.monotonic() + PAUSE
    while time.monotonic() < deadline and journal.is_alive(path):
        time.sleep(0.5)


def _try() -> None:
    from bedside.tracking.replay import flush

    with contextlib.suppress(TrackingError):  # nothing is lost: the journals stay
        flush(timeout=20)


if __name__ == "__main__":
    follow(sys.argv[1])
