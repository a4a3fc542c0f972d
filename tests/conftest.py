"""Tiny real artifacts for every test."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bedside.artifacts import commit, staged

MakeArtifact = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals, checkpoints, keys and the tracking store of one test; nothing is replayed unless it does so itself."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BEDSIDE_HOME", str(home))
    monkeypatch.setenv("BEDSIDE_FLUSH", "off")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home}/mlflow.db")
    return home


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


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which `dvc repro` has run the whole pipeline on the tiny cohort, undisturbed (a minute or two)."""
    from tests.support import pipeline

    folder = pipeline.lay_out(tmp_path_factory.mktemp("tiny"))
    pipeline.reproduce(folder)
    return folder
