"""A workspace of its own for every test: journals, store and artifacts in a temporary folder."""

from pathlib import Path

import pytest

from bedside.tracking import origin
from tests.support.mlflow_store import database


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a run whose store is away: nothing listens on the address."""
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BEDSIDE_FLUSH", "off")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.delenv("BEDSIDE_PIPELINE_RUN", raising=False)
    monkeypatch.chdir(tmp_path)
    origin.pipeline.cache_clear()
    return tmp_path


@pytest.fixture
def store(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same workspace with a database that answers; its address."""
    uri = f"sqlite:///{database(tmp_path)}"
    request.getfixturevalue("workspace")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri
