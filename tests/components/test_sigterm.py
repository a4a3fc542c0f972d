"""SIGTERM to a stage: out within ten seconds with status 143 and a sentence; nothing half-written."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from tests.cohort import Cohort

SECONDS = 10.0
TEACHER = {
    "architecture": {
        "kind": "cnn_lstm",
        "convolutions": [{"channels": 8, "kernel": 7, "stride": 4}],
        "lstm": [16],
        "head": 16,
    },
    "training": {"epochs": 3, "sampling": {"windows": 8192, "batch": 32}},
}


def started(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as said:
        return subprocess.Popen([sys.executable, "-m", *command], stdout=said, stderr=said)


def ended(process: subprocess.Popen[bytes], log: Path, what: str) -> None:
    """Send SIGTERM; the stage must be out in time, with its status and one sentence."""
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143, log.read_text()
    assert time.monotonic() - begun < SECONDS
    said = log.read_text()
    assert said.rstrip().endswith(f"{what}: ended by SIGTERM; the same command takes it up again")
    assert "Traceback" not in said


def teacher(cohort: Cohort, approval: Path, out: Path) -> list[str]:
    paths = {"dataset": cohort.dataset, "approval": approval, "teacher": out}
    flags = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    return ["components.train_teacher", *flags, "--params", json.dumps(TEACHER)]


@pytest.mark.parametrize("number", range(2))
def test_a_training_goes_on_where_it_was_ended_and_ends_with_the_same_weights(
    number: int, cohort: Cohort, approval: Path, tmp_path: Path, own_state: Path
) -> None:
    command = teacher(cohort, approval, tmp_path / "teacher")
    process, chance = started(command, tmp_path / "log"), random.Random(number)
    progress = own_state / "journal"
    waited(lambda: any("train/loss" in f.read_text() for f in progress.glob("*.jsonl")))  # after its first epoch
    time.sleep(chance.random())
    ended(process, tmp_path / "log", "train_teacher")
    assert not (tmp_path / "teacher").exists()
    assert not list(tmp_path.glob(".teacher.*"))
    (kept,) = (own_state / "scratch").glob("train_teacher-*/fit.safetensors")
    assert kept.stat().st_mtime > time.time() - SECONDS
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
    whole = tmp_path / "undisturbed"
    subprocess.run(
        [sys.executable, "-m", *teacher(cohort, approval, whole)],
        check=True,
        capture_output=True,
        env=os.environ | {"BEDSIDE_HOME": str(tmp_path / "home")},
    )
    assert open_artifact(tmp_path / "teacher").digest == open_artifact(whole).digest


def test_another_stage_ends_at_once_and_leaves_no_output(tmp_path: Path, own_state: Path) -> None:
    source = json.dumps({"kind": "simulated", "patients": 400, "seconds": 1800})
    out = tmp_path / "recordings"
    process = started(["components.ingest", "--recordings", str(out), "--source", source], tmp_path / "log")
    waited(lambda: list(tmp_path.glob(".recordings.staging/records/*.dat")))
    ended(process, tmp_path / "log", "ingest")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    assert '"ended by SIGTERM"' in "".join(file.read_text() for file in (own_state / "journal").glob("*.jsonl"))


HANGS = """
import hashlib
from bedside import ending
with ending.listening("hanging", limit=1):
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes in which no handler of Python's is called
"""


def test_what_hangs_in_a_library_is_ended_from_outside() -> None:
    process = subprocess.Popen([sys.executable, "-c", HANGS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(1)  # by then it is in there
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert said == "hanging: ended 1 s after SIGTERM, in the middle of its work; the same command takes it up again\n"


def waited(seen: Callable[[], object], longest: float = 120.0) -> None:
    deadline = time.monotonic() + longest
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)
