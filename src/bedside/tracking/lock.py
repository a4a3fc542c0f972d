"""A file lock with a time limit; the kernel releases it when its holder dies."""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock `path` for the block; TimeoutError if another process keeps it longer than `timeout` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout
    with path.open("a", encoding="utf-8") as file:
        while not _taken(file.fileno()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path}: another process has held this lock for {timeout:.0f} s")
            time.sleep(0.05)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
