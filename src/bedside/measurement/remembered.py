"""The teacher answers the same test windows for every variant that is held against it: once is enough.

Only the reference is remembered; what is being judged always answers anew. A memory is an artifact in the workspace's
own state, under the digest of everything the answers follow from, and is verified when read.
"""

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bedside import tensors
from bedside.artifacts import ArtifactError, commit, open_artifact
from bedside.edge.runner import Floats
from bedside.scratch import home

Answered = tuple[Floats, dict[str, Any]]
LOGITS, FACTS = "logits.safetensors", "facts.json"


def remembered(follows_from: Mapping[str, Any], compute: Callable[[], Answered]) -> Answered:
    """What `compute` gave when it was last called for `follows_from` (graph, test, target, machine), or gives now."""
    key = hashlib.sha256(json.dumps(follows_from, sort_keys=True).encode()).hexdigest()
    path = home() / "answers" / key
    try:
        memory = open_artifact(path)
        return tensors.load(memory / LOGITS)["logits"], memory.json(FACTS)
    except ArtifactError:  # nothing there, or damaged: computing repairs both
        pass
    logits, facts = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=path.parent))  # its own: two stages may want to remember the same
    tensors.save(staging / LOGITS, {"logits": logits})
    (staging / FACTS).write_text(json.dumps(facts, sort_keys=True), encoding="utf-8")
    with contextlib.suppress(OSError):  # another stage was faster: the same answers lie there
        commit(staging, path, {"follows_from": dict(follows_from), "labels": {}})
    shutil.rmtree(staging, ignore_errors=True)
    return logits, facts
