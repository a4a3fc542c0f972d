"""Where a stage keeps what must survive its own death: a folder named by the work itself, gone when the work is done.

The name is the digest of inputs, code and parameters, so a restarted stage finds its checkpoint, and a changed one does
not find a stale one.
"""

import contextlib
import contextvars
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_current: contextvars.ContextVar[Path | None] = contextvars.ContextVar("scratch", default=None)


def home() -> Path:
    """State of this workspace that is not an artifact: journals, checkpoints, downloads, keys (`BEDSIDE_HOME`)."""
    return Path(os.environ.get("BEDSIDE_HOME", ".bedside"))


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
