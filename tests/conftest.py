"""Tiny real artifacts for every test."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bedside.artifacts import commit, staged

MakeArtifact = Callable[..., Path]


@pytest.fixture
def make_artifact(tmp_path: Path) -> MakeArtifact:
    """`make_artifact("dataset", {"dataset.json": "{}"}, source="simulated")`: a complete folder, with labels."""

    def make(name: str, files: Mapping[str, str | bytes], **labels: str) -> Path:
        path = tmp_path / name
        with staged(path) as staging:
            for file, content in files.items():
                (staging / file).parent.mkdir(parents=True, exist_ok=True)
                (staging / file).write_bytes(content.encode() if isinstance(content, str) else content)
            commit(staging, path, {"component": "test", "labels": labels})
        return path

    return make
