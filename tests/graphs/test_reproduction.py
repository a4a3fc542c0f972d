"""DVC itself, in a workspace that is as if everything had run: what it does after a file was added or edited."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.workspace import ROOT, environment_of, lay_out

MEMBER = "from bedside.{base} import {family}\n\nclass New({family}):\n    kind: str = 'new'\n"
ADDED = {
    "targets/new.py": MEMBER.format(base="targets.base", family="Target"),
    "compression/pruning/new.py": MEMBER.format(base="compression.pruning.base", family="Importance"),
    "models/new.py": MEMBER.format(base="models.base", family="Architecture"),
}
PRETEND = """
from pathlib import Path
from dvc.repo import Repo

with Repo() as repo:
    for stage in repo.index.stages:
        for out in stage.outs if stage.addressing != "code" else []:
            path = Path(out.fs_path)
            path.parent.mkdir(parents=True, exist_ok=True)
            if out.metric:
                path.write_text("{}")
            else:
                path.mkdir()
                (path / "made").write_text(stage.addressing)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The demo's workspace with an output of every stage, which DVC takes for what they made."""
    folder = tmp_path / "work"
    lay_out(folder, ROOT / "profiles/simulated.yaml")
    dvc(folder, "repro --quiet code")
    subprocess.run([sys.executable, "-c", PRETEND], cwd=folder, check=True)
    dvc(folder, "commit --force --quiet")
    return folder


def dvc(folder: Path, arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *shlex.split(arguments)]
    done = subprocess.run(command, cwd=folder, env=environment_of(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def changed(folder: Path) -> set[str]:
    return set(json.loads(dvc(folder, "status --json")))


def test_adding_a_strategy_reruns_the_first_stage_and_no_other(workspace: Path) -> None:
    assert changed(workspace) == set()
    for name, text in ADDED.items():
        (workspace / "src/bedside" / name).write_text(text)
    assert changed(workspace) == {"code"}
    ran = [line for line in dvc(workspace, "repro").splitlines() if line.startswith("Running stage")]
    assert ran == ["Running stage 'code':"]
    assert changed(workspace) == set()


def test_an_edit_reruns_the_stages_that_use_the_file(workspace: Path) -> None:
    with (workspace / "src/bedside/targets/openvino.py").open("a") as file:
        file.write("# edited\n")
    assert changed(workspace) == {"code"}
    dvc(workspace, "repro --quiet code")
    used = {(stage, variant) for stage in ("optimize", "evaluate") for variant in ("teacher", "distilled", "combined")}
    assert changed(workspace) == {f"{stage}@openvino-cpu-{variant}" for stage, variant in used}
