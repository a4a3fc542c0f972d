"""What the tracking server's image does before MLflow begins; with a database and S3 it is tried in tests/cluster."""

import configparser
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "docker/mlflow/tracking_server.py"
SECRET = "postgresql://mlflow:p%40ss%2Fword@postgres:5432/mlflow"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tracking_server", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "CONFIG", tmp_path / "basic_auth.ini")
    return module


def test_the_address_of_the_users_database_reaches_mlflow_as_it_is_and_nobody_else(
    server: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", SECRET)
    monkeypatch.setenv("MLFLOW_AUTH_CONFIG_PATH", "")
    server._write_config()
    config = configparser.ConfigParser()  # as MLflow reads it
    config.read(server.CONFIG)
    assert config["mlflow"]["database_uri"] == SECRET
    assert config["mlflow"]["default_permission"] == "NO_PERMISSIONS"
    assert server.CONFIG.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("given", "place"),
    [("s3://bucket/some/folder", ("bucket", "some/folder/")), ("s3://bucket", ("bucket", ""))],
)
def test_a_place_in_s3_is_bucket_and_folder(
    server: ModuleType, monkeypatch: pytest.MonkeyPatch, given: str, place: tuple[str, str]
) -> None:
    monkeypatch.setenv("BACKUPS", given)
    assert server._place("BACKUPS") == place


def test_a_place_elsewhere_is_refused(server: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUPS", "/backups")
    with pytest.raises(server.RefusedError, match="BACKUPS is '/backups'; it must be s3://bucket/folder"):
        server._place("BACKUPS")


@pytest.mark.parametrize("command", ["prepare", "serve", "collect-garbage"])
def test_a_setting_that_is_missing_is_named_in_one_line(command: str) -> None:
    done = subprocess.run([sys.executable, SCRIPT, command], env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert " is not set; " in done.stderr


def test_a_service_that_stays_away_is_named(server: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0.0)

    def away() -> None:
        raise OSError("connection\n  refused")

    with pytest.raises(server.RefusedError, match="the database did not answer for 0 s: connection refused"):
        server._reached("the database", away)
