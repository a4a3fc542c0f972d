"""SIGTERM: the process is out within `LIMIT` seconds, with nothing half-written to be seen.

A stage ends at once, as on Ctrl-C; inside `deferred` (a training's step, the moment when outputs become visible) it
ends at the next place where nothing is lost. What hangs is ended from outside.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

import psutil

LIMIT = 8.0  # seconds; a spot node gives fifteen, and ten are promised
STATUS = 128 + signal.SIGTERM  # as a shell words it
AGAIN = "the same command takes it up again"
SHELLS = frozenset({"sh", "bash", "dash", "fish", "ksh", "zsh"})


class Terminated(BaseException):
    """SIGTERM came; no `except Exception` on the way out may take it for an error."""


class _Orders:
    """What has been asked of this process; handlers run in its main thread alone."""

    asked = False
    deferred = 0


def asked() -> bool:
    """Whether SIGTERM has come: what is deferred should come to its end."""
    return _Orders.asked


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Inside, SIGTERM is only noted; the end comes when the outermost such block is left."""
    _Orders.deferred += 1
    try:
        yield
    except Exception as error:
        if _Orders.asked:  # another process of this training was out first, say
            raise Terminated from error
        raise
    finally:
        _Orders.deferred -= 1
    if _Orders.asked and not _Orders.deferred:
        raise Terminated


@contextlib.contextmanager
def listening(who: str, limit: float = LIMIT) -> Iterator[None]:
    """Take SIGTERM inside, and be out `limit` s later; in another thread than the main one it is others' business."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    threading.Thread(target=_end_what_hangs, args=(told, who, limit), daemon=True).start()
    old = signal.signal(signal.SIGTERM, _note)
    # Written to by the C handler itself, so it is heard of while Python waits for a library.
    others = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_forget)
    try:
        yield
    finally:
        signal.set_wakeup_fd(others)
        signal.signal(signal.SIGTERM, old)
        _Orders.asked = False
        os.close(tell)


def _note(*_: object) -> None:
    first, _Orders.asked = not _Orders.asked, True
    if first and not _Orders.deferred:  # a second one would only disturb what the first has begun to clear away
        raise Terminated


@contextlib.contextmanager
def passed_on() -> Iterator[None]:
    """Inside, SIGTERM ends the stages that this process started, which end cleanly, and is Ctrl-C where none runs."""
    old = signal.signal(signal.SIGTERM, _pass_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, old)
        _Orders.asked = False


def _pass_on(*_: object) -> None:
    _Orders.asked = True
    stages = [child for child in own_children() if child.name() not in SHELLS]  # which would be gone before their stage
    for stage in stages:
        with contextlib.suppress(psutil.Error):
            stage.terminate()
    if not stages:
        raise KeyboardInterrupt


def own_children() -> list[psutil.Process]:
    """What this process started; what replays its record has a session of its own, and goes on."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(child.pid) == os.getsid(0):
                found.append(child)
    return found


def _forget() -> None:
    """A forked child would tell its parent's pipe of its own signals."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_what_hangs(told: int, who: str, limit: float) -> None:
    """Wait for SIGTERM in the pipe, then for the process to end by itself, and end it."""
    while (signals := os.read(told, 64)) and signal.SIGTERM not in signals:
        pass
    if not signals:  # the block was left
        os.close(told)
        return
    threading.Event().wait(limit)
    print(f"{who}: ended {limit:g} s after SIGTERM, in the middle of its work; {AGAIN}", file=sys.stderr, flush=True)
    for child in own_children():
        with contextlib.suppress(psutil.Error):
            child.kill()
    os._exit(STATUS)
