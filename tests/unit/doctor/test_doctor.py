"""The doctor finds what is wrong in a workspace and says what to do; it changes nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bedside import cli
from bedside.registry import keys
from bedside.registry.log import PromotionLog
from tests.support.deployments import Maker, rewritten
from tests.support.mlflow_store import database
from tests.support.promoting import MODEL, promoted, registry


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with artifacts, a DVC cache and a promotion."""
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BEDSIDE_FLUSH", "end")
    monkeypatch.setenv("BEDSIDE_AUTHOR", "grace@example.org")
    monkeypatch.delenv("BEDSIDE_SIGNING_KEY", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database(tmp_path)}")
    monkeypatch.chdir(tmp_path)
    promoted([Maker(tmp_path / "artifacts").make("pruned")], tmp_path / "artifacts/decision")
    return tmp_path


@pytest.fixture
def cached(workspace: Path) -> Path:
    """The object that DVC's cache holds of a file."""
    for command in (["init", "--no-scm", "--quiet"], ["add", "--quiet", "data.txt"]):
        (workspace / "data.txt").write_text("recordings")
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=workspace, check=True)
    return next((workspace / ".dvc/cache").glob("files/md5/*/*"))


def doctor(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    """Exit status and what it printed; parameters are those of this repository."""
    params = Path(__file__).parents[3] / "params.yaml"
    capsys.readouterr()
    try:
        cli.main(["doctor", "--params", str(params), *more])
    except SystemExit as ended:
        return int(str(ended.code)), capsys.readouterr().out
    return 0, capsys.readouterr().out


def wrong(told: str) -> list[str]:
    """The lines of what is wrong."""
    return [line for line in told.splitlines() if line.startswith("WRONG")]


@pytest.mark.usefixtures("workspace")
def test_a_workspace_in_order_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = doctor(capsys)
    assert (status, wrong(told)) == (0, [])
    for what in ("versions", "parameters", "state", "keys", "CPU", "tracking", "artifacts", "promotions"):
        assert f"{what}: " in told
    assert "artifacts: 6 of 6 are what their manifests say" in told
    assert f"{MODEL}: champion is version 1, promoted by grace@example.org" in told


def test_a_damaged_artifact_is_named_with_how_to_make_it_again(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = next(workspace.glob("artifacts/optimized/*/pruned/model.onnx"))
    file.write_bytes(file.read_bytes() + b"x")
    status, told = doctor(capsys)
    assert status == 1
    (line,) = wrong(told)
    assert f"artifacts: {file.relative_to(workspace)}: altered since it was written" in line
    assert f"next: rm -r {file.parent.relative_to(workspace)}, then `bedside repro` makes it again" in told
    assert doctor(capsys, "--quick")[0] == 0


def test_a_poisoned_cache_object_is_named(workspace: Path, cached: Path) -> None:
    from bedside.doctor import results

    assert [f.state for f in results.cache(workspace)] == ["ok"]
    cached.chmod(0o644)
    cached.write_text("poisoned")
    found = list(results.cache(workspace))
    assert [f.state for f in found] == ["WRONG", "ok"]
    assert found[0].next.startswith(f"rm -f {cached}")


def test_an_alias_that_was_moved_by_hand_is_found_with_its_command(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    promoted([Maker(workspace / "artifacts").make("combined", p99_ms=0.5)], workspace / "artifacts/second")
    registry().set_registered_model_alias(MODEL, "champion", "1")
    status, told = doctor(capsys)
    assert status == 1
    assert "champion is FOREIGN, at version 1 in the registry; this log confirmed version 2" in wrong(told)[0]
    assert "`bedside restore TARGET` puts back what the log confirmed" in told


def test_an_edited_log_and_a_lost_key_are_found(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = PromotionLog().path
    honest = log.read_text()
    log.write_text(honest.replace("grace", "eve"))
    assert "its content was edited" in wrong(doctor(capsys)[1])[0]
    log.write_text(honest)
    key = keys.folder() / "signing.pem"
    key.chmod(0o644)
    assert f"chmod 600 {key}" in doctor(capsys)[1]
    key.rename(workspace / "lost.pem")
    assert any(f"{key} is missing" in line for line in wrong(doctor(capsys)[1]))


@pytest.mark.usefixtures("workspace")
def test_a_store_that_is_away_is_not_taken_for_order(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    status, told = doctor(capsys, "--quick")
    assert status == 1
    assert "could not be asked" in wrong(told)[-1] or "could not be checked" in wrong(told)[-1]


def test_evidence_of_two_kinds_of_cpu_is_wrong_beside_each_other(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewritten(
        next(workspace.glob("artifacts/evidence/*/pruned")),
        "evidence.json",
        environment={"cpu_kind": "aarch64 asimddp"},
    )
    assert any("evidence was measured on several kinds" in line for line in wrong(doctor(capsys)[1]))


def test_a_state_folder_that_takes_no_file_is_named(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "file").write_text("")
    monkeypatch.setenv("BEDSIDE_HOME", str(workspace / "file" / "home"))
    assert "takes no file" in wrong(doctor(capsys, "--quick")[1])[0]
    assert json.loads((workspace / "home/promotions.head").read_text())
