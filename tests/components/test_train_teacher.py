"""The teacher from one process and from two: `torchrun` splits the work, and leaves one teacher and one record."""

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import safetensors.torch
import torch
import yaml

from bedside.artifacts import open_artifact
from tests.cohort import Cohort

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PARAMS: dict[str, Any] = {
    "architecture": {
        "kind": "cnn_lstm",
        "convolutions": [{"channels": 8, "kernel": 7, "stride": 2}, {"channels": 16, "kernel": 5, "stride": 2}],
        "lstm": [32],
        "head": 16,
        "dropout": 0.0,  # drawn by each process for its own windows: the one thing that differs
    },
    "training": {"epochs": 3, "sampling": {"windows": 500}},
}


def start(folder: Path, cohort: Cohort, approval: Path, processes: int, params: Any = PARAMS) -> subprocess.Popen[str]:
    """`python -m components.train_teacher`, or the same under torchrun; everything it writes lies in `folder`."""
    folder.mkdir(exist_ok=True)
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    stage = ["components.train_teacher", "--dataset", cohort.dataset, "--approval", approval]
    outputs = ["--teacher", folder / "teacher", "--params", json.dumps(params), "--metrics", folder / "metrics.json"]
    return subprocess.Popen(
        [sys.executable, "-m", *(launcher if processes > 1 else []), *map(str, [*stage, *outputs])],
        cwd=ROOT,
        env=os.environ | {"BEDSIDE_HOME": str(folder / "home"), "BEDSIDE_FLUSH": "off"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def train(*args: Any, **kwargs: Any) -> str:
    process = start(*args, **kwargs)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output[-4000:]
    return output


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, cohort: Cohort, approval: Path) -> Path:
    """What two undisturbed processes leave behind."""
    folder = tmp_path_factory.mktemp("pair")
    train(folder, cohort, approval, processes=2)
    return folder


def test_two_processes_make_the_teacher_that_one_makes(
    pair: Path, tmp_path: Path, cohort: Cohort, approval: Path
) -> None:
    train(tmp_path, cohort, approval, processes=1)
    one, two = (
        safetensors.torch.load_file(open_artifact(folder / "teacher") / "model.safetensors")
        for folder in (tmp_path, pair)
    )
    assert all(torch.allclose(one[name], two[name], atol=1e-3) for name in one)
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in (tmp_path, pair)]
    assert metrics[0] == pytest.approx(metrics[1], abs=0.02)


def test_two_processes_leave_one_record(pair: Path) -> None:
    assert len(list((pair / "home").rglob("*.jsonl"))) == 1
    assert not list((pair / "home/scratch").iterdir())
    assert sorted(path.name for path in pair.iterdir()) == ["home", "metrics.json", "teacher"]


def test_two_machines_of_kubeflow_trainer_make_the_same_teacher(
    pair: Path, tmp_path: Path, cohort: Cohort, approval: Path
) -> None:
    shutil.copytree(cohort.dataset, tmp_path / "workspace/artifacts/dataset")
    shutil.copytree(approval, tmp_path / "workspace/artifacts/dataset-report")
    (tmp_path / "workspace/params.yaml").write_text(yaml.safe_dump({"train_teacher": PARAMS}))
    job = yaml.safe_load((ROOT / "docker/kubernetes/trainer/train-teacher.yaml").read_text())["spec"]["trainer"]
    arguments = [part.replace("/work/", f"{tmp_path}/") for part in job["args"]]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nodes = {"NNODES": job["numNodes"], "NPROC_PER_NODE": job["numProcPerNode"], "MASTER_PORT": port}
    machines = []
    for number in range(2):
        told = {**nodes, "NODE_RANK": number, "MASTER_ADDR": "127.0.0.1"}  # what Trainer's torch plugin sets
        own = os.environ | {"BEDSIDE_HOME": str(tmp_path / f"home{number}"), "BEDSIDE_FLUSH": "off"}
        own |= {f"PET_{name}": str(value) for name, value in told.items()}
        command = [sys.executable, "-m", "torch.distributed.run", "-m", *arguments]
        machines.append(subprocess.Popen(command, cwd=ROOT, env=own))
    assert [machine.wait(600) for machine in machines] == [0, 0]
    made = open_artifact(tmp_path / "workspace/artifacts/models/teacher")
    assert made.digest == open_artifact(pair / "teacher").digest
    assert not (tmp_path / "home1").exists()


def killed(kill: Callable[[psutil.Process], None], saved: str, folder: Path, *how: Any) -> Path:
    """Where a training was killed once its file `saved` was there; begun anew where the kill came after its end."""
    for number in itertools.count():
        here = folder / f"round-{number}"
        process = start(here, *how)
        while process.poll() is None and not list(here.rglob(saved)):
            time.sleep(0.02)
        with contextlib.suppress(psutil.NoSuchProcess):
            kill(psutil.Process(process.pid))
        output, _ = process.communicate(timeout=600)
        if not (here / "teacher").exists():
            break
    assert process.returncode != 0, output[-4000:]
    assert list(here.rglob(saved)), output[-4000:]
    return here


def kill_the_second(launcher: psutil.Process) -> None:
    for process in launcher.children():
        if process.environ().get("RANK") == "1":
            process.kill()


def test_a_killed_process_fails_the_training_which_then_resumes(
    pair: Path, tmp_path: Path, cohort: Cohort, approval: Path
) -> None:
    folder = killed(kill_the_second, "fit.safetensors", tmp_path, cohort, approval, 2)
    train(folder, cohort, approval, processes=2)
    assert open_artifact(folder / "teacher").digest == open_artifact(pair / "teacher").digest


def test_a_teacher_that_learns_from_a_committee_goes_on_after_a_kill_with_the_member_it_was_at(
    tmp_path: Path, cohort: Cohort, approval: Path
) -> None:
    params = {**PARAMS, "committee": {**PARAMS, "seeds": [3, 4]}}
    train(tmp_path / "undisturbed", cohort, approval, processes=1, params=params)
    folder = killed(psutil.Process.kill, "member-4.safetensors", tmp_path, cohort, approval, 1, params)
    train(folder, cohort, approval, processes=1, params=params)
    made, again = (open_artifact(path / "teacher") for path in (tmp_path / "undisturbed", folder))
    assert made.digest == again.digest
    train(tmp_path / "alone", cohort, approval, processes=1)
    assert made.digest != open_artifact(tmp_path / "alone/teacher").digest


def test_refused_parameters_fail_the_training_with_their_message(
    tmp_path: Path, cohort: Cohort, approval: Path
) -> None:
    wrong = {**PARAMS, "training": {"epochs": -1}}
    process = start(tmp_path, cohort, approval, processes=2, params=wrong)
    output, _ = process.communicate(timeout=600)
    assert process.returncode != 0
    assert "training.epochs" in output
    assert not (tmp_path / "teacher").exists()
