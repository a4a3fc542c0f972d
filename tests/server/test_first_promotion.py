"""A scientist who is no administrator makes the first version of a model that is not there yet."""

import uuid

import pytest

from bedside.registry.models import Models
from tests.server.conftest import ALICE, Team

pytestmark = pytest.mark.slow


def test_a_model_that_is_not_there_has_no_alias_and_can_be_made(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", team.server.uri)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ALICE[0])
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ALICE[1])
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    models = Models(f"ward-{uuid.uuid4().hex[:8]}.onnxruntime-cpu")
    assert models.number("challenger") is None
    models.create("The first of its kind")
    assert models.number("challenger") is None
    models.point("challenger", models.register(team.run, "kept.txt", "kept", {}))
    assert models.number("challenger") == "1"
