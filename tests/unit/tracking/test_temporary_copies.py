"""DVC runs experiments in a copy that it removes afterwards; what a stage recorded there is the project's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.registry.log import PromotionLog
from bedside.scratch import home, project
from bedside.tracking import store
from tests.support.mlflow_store import database, runs
from tests.unit.tracking.records import PRUNE

STAGE = """
import json, pathlib, sys
from bedside import scratch, tracking
from bedside.registry.log import PromotionLog
with scratch.opened({"component": "prune"}) as checkpoints, tracking.run("prune", json.loads(sys.argv[1])):
    tracking.log({"train/loss": 0.5})
PromotionLog().append(state="REFUSED", model="ecg", reason="too slow")
pathlib.Path("out.json").write_text(json.dumps({"ran in": str(pathlib.Path.cwd()), "kept": str(checkpoints)}))
print("flushed", tracking.flush())
"""


@pytest.fixture
def lineage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one stage, committed to git, that says nothing of where its state is."""
    for name in ("BEDSIDE_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name)
    folder = tmp_path / "project"
    folder.mkdir()
    database(folder)
    (folder / "stage.py").write_text(STAGE)
    command = f"{sys.executable} stage.py '{json.dumps(PRUNE)}'"
    stage = {"cmd": command, "params": ["epochs"], "metrics": [{"out.json": {"cache": False}}]}
    (folder / "dvc.yaml").write_text(json.dumps({"stages": {"prune": stage}}))
    (folder / "params.yaml").write_text("epochs: 1\n")
    (folder / ".gitignore").write_text("/.bedside\n/mlflow.db*\n/mlartifacts\n/.mlflow*\n")
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command_line in (
        ("git", "init", "--quiet"),
        ("dvc", "init", "--quiet"),
        ("dvc", "config", "core.analytics", "false"),
        ("git", "add", "--all"),
        ("git", *settings, "commit", "--quiet", "--message", "A stage"),
    ):
        subprocess.run(command_line, cwd=folder, env=_environment(), check=True)
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.slow
@pytest.mark.parametrize("way", [["--temp"], ["--queue"]])
def test_an_experiment_in_a_temporary_copy_leaves_its_record_in_the_project(
    lineage: Path, way: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = ["dvc", "exp", "run", *way, "--set-param", "epochs=2", "--name", "tried"]
    subprocess.run(experiment, cwd=lineage, env=_environment(), check=True)
    if way == ["--queue"]:
        subprocess.run(["dvc", "exp", "run", "--run-all"], cwd=lineage, env=_environment(), check=True)
    (tried,) = [name for name in git(lineage, "for-each-ref", "--format=%(refname)").split() if name.endswith("/tried")]
    out = json.loads(git(lineage, "show", f"{tried}:out.json"))
    assert str(lineage / ".dvc/tmp/exps") in out["ran in"]  # or nothing was tried here
    assert not Path(out["ran in"]).exists()
    assert Path(out["kept"]).is_relative_to(lineage / ".bedside")
    monkeypatch.chdir(lineage)
    assert [entry["reason"] for entry in PromotionLog().verify()] == ["too slow"]
    (stored,) = runs(store.uri(), component="prune")
    assert stored.data.metrics == {"train/loss": 0.5}
    assert sorted(path.suffix for path in (home() / "journal/replayed").iterdir()) == [".jsonl", ".state"]


def test_state_is_relative_to_the_working_folder_everywhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BEDSIDE_HOME")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    copy, other = tmp_path / ".dvc/tmp/exps/copy", tmp_path / "build/demo"
    for folder in (copy, other):
        folder.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert (home(), store.uri()) == (Path(".bedside"), "sqlite:///mlflow.db")  # nobody said that it is a copy
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert (home(), store.uri()) == (tmp_path / ".bedside", f"sqlite:///{tmp_path}/mlflow.db")
    for folder in (tmp_path, other):  # a project's own folder, and another project within it
        monkeypatch.chdir(folder)
        assert project() == Path()


def test_a_place_that_was_named_counts_in_a_temporary_copy_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / ".dvc/tmp/exps/copy"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("BEDSIDE_HOME", "/state")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert (home(), store.uri()) == (Path("/state"), "http://mlflow:5000")
    monkeypatch.setenv("BEDSIDE_HOME", "kept")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs/mlflow.db")
    assert (home(), store.uri()) == (tmp_path / "kept", f"sqlite:///{tmp_path}/runs/mlflow.db")
