"""Trainings that are killed or asked to stop after a checkpoint, and go on: the weights must be the same."""

import json
import time
from pathlib import Path

from bedside.artifacts import open_artifact
from benchmarks.faults import stages
from benchmarks.faults.forks import Process, ended, forked, last_line
from benchmarks.faults.rows import HELD, Outcome, Try, corrupt, lost, row, wrong
from benchmarks.faults.stages import BEFORE, EPOCHS

TRAIN = BEFORE[4]
GRACE = 10.0  # seconds that a training has to end after SIGTERM


@row("kill mid-training, resume", 50, "same seed, same weights digest (CPU, one thread)", base=stages.trained)
def kill(attempt: Try) -> Outcome:
    process, log = started(attempt), attempt.folder / "stage.log"
    if not reached(process, attempt.folder, attempt.chance.randrange(1, EPOCHS)):
        return Outcome("late", "the training was done")
    process.join(attempt.chance.uniform(0, 0.3))
    if process.exitcode is not None:
        return Outcome("late", "the training was done")
    process.kill()
    process.join()
    return resumed(attempt, log)


@row(
    "SIGTERM with 15 s grace", 50, "out within 10 s, at most one checkpoint interval lost, then the same weights",
    base=stages.trained,
)  # fmt: skip
def terminate(attempt: Try) -> Outcome:
    process = started(attempt)
    if not reached(process, attempt.folder, attempt.chance.randrange(1, EPOCHS)):
        return Outcome("late", "the training was done")
    process.join(attempt.chance.uniform(0, 0.3))
    before = epoch(attempt.folder)
    if process.exitcode is not None or before is None:
        return Outcome("late", "the training was done")
    process.terminate()
    process.join(GRACE)
    if process.exitcode == 0:
        return Outcome("late", "the training was done")
    log = attempt.folder / "stage.log"
    return _badly_ended(attempt, process, before, log) or resumed(attempt, log)


def _badly_ended(attempt: Try, process: Process, before: int, log: Path) -> Outcome | None:
    """Too late, with a traceback, or with less than had been kept."""
    if process.exitcode is None:
        return wrong(f"still there {GRACE:g} s after SIGTERM")
    if "Traceback" in log.read_text(errors="replace", encoding="utf-8"):
        return wrong("a traceback for a signal that every scheduler sends")
    after = epoch(attempt.folder)
    return lost(f"epoch {before} had been kept, now it is {after}") if after is None or after < before else None


def started(attempt: Try) -> Process:
    """The training, in a process of its own."""
    return forked(TRAIN.run, attempt.base, attempt.folder / "out", log=attempt.folder / "stage.log")


def checkpoint(folder: Path) -> Path | None:
    """The training's checkpoint, where there is one."""
    found = (folder / "home/scratch").glob("train_teacher-*/fit*.safetensors")
    return max(found, key=lambda file: file.name == "fit.safetensors", default=None)  # else the one before it


def epoch(folder: Path) -> int | None:
    """How many epochs the checkpoint has."""
    import safetensors

    file = checkpoint(folder)
    if file is None:
        return None
    with safetensors.safe_open(file, framework="pt") as opened:
        return int(json.loads(opened.metadata()["state"])["epoch"])


def reached(process: Process, folder: Path, wanted: int) -> bool:
    """Wait until that many epochs are kept; False where the training ended before that was seen."""
    while process.exitcode is None:
        if (epoch_now(folder) or 0) >= wanted:
            return True
        time.sleep(0.005)
    return False


def epoch_now(folder: Path) -> int | None:
    """`epoch`, while the file may be replaced or taken away under our hands."""
    try:
        return epoch(folder)
    except (OSError, RuntimeError):  # safetensors has its own word for a file that is gone
        return None


def resumed(attempt: Try, log: Path) -> Outcome:
    """The same command again: the weights must be those of a training that nobody disturbed."""
    if ended(TRAIN.run, attempt.base, attempt.folder / "out", log=log):
        return lost(f"the training does not go on: {last_line(log)}")
    found, wanted = (open_artifact(each / "models/teacher").digest for each in (attempt.folder / "out", attempt.base))
    return HELD if found == wanted else corrupt("the weights are not those of an undisturbed training")


def checkpointed(attempt: Try) -> Path | None:
    """A training that was killed after its first checkpoint; the checkpoint, or None where it was done too soon."""
    process = started(attempt)
    if not reached(process, attempt.folder, 1):
        return None
    process.kill()
    process.join()
    return checkpoint(attempt.folder)
