"""A workspace with its own keys, log and MLflow store."""

from pathlib import Path

import pytest

from bedside.tracking import origin
from tests.support.deployments import Maker
from tests.support.mlflow_store import database


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose keys, log and journals are its own."""
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BEDSIDE_FLUSH", "off")
    monkeypatch.setenv("BEDSIDE_AUTHOR", "grace@example.org")  # git may know nobody here
    monkeypatch.delenv("BEDSIDE_SIGNING_KEY", raising=False)
    monkeypatch.setenv("BEDSIDE_REVIEWER_KEY", str(tmp_path / "reviewer.pem"))
    origin.pipeline.cache_clear()
    store = f"sqlite:///{database(tmp_path)}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def maker(workspace: Path) -> Maker:
    """Makes deployments in the workspace."""
    return Maker(workspace)
