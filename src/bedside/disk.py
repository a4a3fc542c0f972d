"""Writing files that a kill cannot halve, and saying in one sentence which file a disk would not take."""

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bedside.scratch import home

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_SHORT = re.compile(r"\d+ requested and \d+ written")  # numpy says so of a write that ended early, without a number
NEARLY_FULL = 1 << 20  # bytes; where less is free, nothing of use can be written


def write(file: Path, content: bytes, before: Path | None = None) -> None:
    """Replace a file so that a reader sees the old or the new content; what was there is kept as `before`."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with named(file):
            _flushed(partial, content)
            if before is not None and file.exists():
                file.replace(before)
            partial.replace(file)
            flush(file.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def named(file: Path) -> Iterator[None]:
    """Give an OSError without a file's name (a write to a full disk has none) the name of this one."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(file)) from error


def explained(error: OSError) -> str:
    """What happened to which file, and what to do about it, in one sentence."""
    if error.errno in FULL or _SHORT.search(str(error)):
        where = error.filename or " or ".join(map(str, _full())) or "a disk"
        what = error.strerror or os.strerror(errno.ENOSPC)
        return f"{where}: {what}; free some, {_elsewhere('with room')}, and give the same command again"
    if error.errno in CLOSED and error.filename:
        return (
            f"{error.filename}: {error.strerror}; give this user the right to it, {_elsewhere('it may write to')}, and "
            "give the same command again"
        )
    return str(error)


def _elsewhere(kind: str) -> str:
    return f"or set BEDSIDE_HOME (now {home()}) to a folder {kind} if the file is one of its own"


def _full() -> list[Path]:
    """Where nothing is free: the state, what is worked on, or temporary files."""
    places = (home(), Path(), Path(tempfile.gettempdir()))
    return [place for place in places if place.is_dir() and shutil.disk_usage(place).free < NEARLY_FULL]


def _flushed(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def flush(path: Path) -> None:
    """Wait until a file, or what a folder lists, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
