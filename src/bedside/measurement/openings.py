"""The test set is opened by one component, which counts: a test set that is looked at often is a validation set."""

import json
import os
from datetime import UTC, datetime

from bedside.artifacts import Artifact
from bedside.scratch import home

FILE = "openings.jsonl"


def opened(test: Artifact, graph_sha256: str, purpose: str) -> int:
    """Write down this opening; return how often this test artifact was opened in this workspace, this time included."""
    path = home() / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = {"date": datetime.now(UTC).isoformat(), "graph": graph_sha256, "purpose": purpose, "test": test.digest}
    line = (json.dumps(entry, sort_keys=True) + "\n").encode()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        # One write to an appending file: two stages at once do not mix their lines.
        os.write(descriptor, b"\n" + line if _is_torn(descriptor) else line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return sum(_opens(entry, test.digest) for entry in path.read_bytes().splitlines() if entry)


def _is_torn(descriptor: int) -> bool:
    """Whether a full disk cut the last line."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _opens(entry: bytes, digest: str) -> bool:
    """Whether a line is an opening of this test set; a torn one may have been, so it counts."""
    try:
        return bool(json.loads(entry)["test"] == digest)
    except ValueError:
        return True
