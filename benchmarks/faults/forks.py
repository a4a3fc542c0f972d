"""Processes forked from a warm one: imports are paid for once, and each is as real, and as mortal, as any other."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Process = multiprocessing.context.ForkProcess
FORK = multiprocessing.get_context("fork")


def forked(call: Callable[..., Any], *arguments: Any, log: Path) -> Process:
    """A process that runs `call`; what it prints goes to `log`, and an exception or SystemExit is its exit status."""
    process = FORK.Process(target=_quietly, args=(log, call, *arguments))
    process.start()
    return process


def _quietly(log: Path, call: Callable[..., Any], *arguments: Any) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    sys.stdout, sys.stderr = (
        open(1, "w", closefd=False, encoding="utf-8"),  # noqa: SIM115  (as long as this process)
        open(2, "w", closefd=False, encoding="utf-8"),  # noqa: SIM115
    )
    with contextlib.suppress(KeyboardInterrupt):
        call(*arguments)


def ended(call: Callable[..., Any], *arguments: Any, log: Path, timeout: float = 120) -> int:
    """The exit status of `call` in a process of its own, which is killed where it takes longer."""
    process = forked(call, *arguments, log=log)
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"not done after {timeout:g} s")
    return process.exitcode


def struck(process: Process, after: float, how: signal.Signals = signal.SIGKILL) -> bool:
    """Send a signal after so many seconds; False where the process had ended by itself before."""
    process.join(after)
    if process.exitcode is not None:
        return False
    os.kill(process.pid or 0, how)
    process.join(60)
    return process.exitcode == -how or how != signal.SIGKILL


@contextlib.contextmanager
def timed(told: list[float]) -> Iterator[None]:
    """Append the seconds that the block takes."""
    started = time.monotonic()
    yield
    told.append(time.monotonic() - started)


def last_line(log: Path) -> str:
    """What a process said last, for a reader."""
    text = log.read_text(errors="replace", encoding="utf-8") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][-300:] if lines else "it said nothing"
