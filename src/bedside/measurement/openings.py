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
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line)  # one write to an appending file: two stages at once do not mix their lines
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return sum(json.loads(entry)["test"] == test.digest for entry in path.read_text().splitlines())
