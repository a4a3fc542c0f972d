"""Where a stage keeps what must survive its own death: a folder named by the work itself, gone when the work is done.

The name is the digest of inputs, code and parameters, so a restarted stage finds its checkpoint, and a changed one does
not find a stale one.
"""

import contextlib
import contextvars
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_current: contextvars.ContextVar[Path | None] = contextvars.ContextVar("scratch", default=None)


def home() -> Path:
    """State of this workspace that is not an artifact: journals, checkpoints, downloads, keys (`BEDSIDE_HOME`)."""
    return project() / os.environ.get("BEDSIDE_HOME", ".bedside")


def project() -> Path:
    """Where relative paths of state begin: the working folder, or the project that DVC made that folder a copy of.

    `dvc exp run --temp` and its queue run stages in a copy below the project's `.dvc/tmp`, and remove it afterwards.
    DVC tells every stage the project's own folder (DVC_ROOT); one that is not around the working folder is not ours.
    """
    if (root := os.environ.get("DVC_ROOT")) and Path.cwd().is_relative_to(Path(root).resolve() / ".dvc/tmp"):
        return Path(root).resolve()
    return Path()


@contextlib.contextmanager
def opened(record: Mapping[str, Any]) -> Iterator[Path]:
    """The scratch folder of this piece of work; kept if the block fails, removed when it succeeds."""
    key = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]
    folder = home() / "scratch" / f"{record['component']}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    token = _current.set(folder)
    try:
        yield folder
    finally:
        _current.reset(token)
    shutil.rmtree(folder, ignore_errors=True)


def folder() -> Path | None:
    """The current work's scratch folder, or None outside a stage (then nothing survives, and nothing needs to)."""
    return _current.get()


def put_aside(file: Path) -> Path:
    """Move a damaged file of the current work out of its way, where it is kept for a look; return where it is now."""
    damaged = home() / "damaged"
    damaged.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        aside = damaged / f"{file.parent.name}-{number}-{file.name}"
        if not aside.exists():
            return file.rename(aside)
    raise AssertionError  # counting has no end
