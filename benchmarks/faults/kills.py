"""SIGKILL at a random instant of each stage; then the same command again."""

import shutil
from pathlib import Path

from benchmarks.faults import stages
from benchmarks.faults.forks import ended, forked, last_line, struck
from benchmarks.faults.rows import HELD, Outcome, Try, corrupt, lost, row
from benchmarks.faults.stages import STAGES, Stage


@row(
    "SIGKILL at a random instant, each stage", 200, "rerun gives identical manifests, 0 corrupt visible outputs",
    base=stages.pipeline,
)  # fmt: skip
def stage(attempt: Try) -> Outcome:
    """Every other time the output of an earlier run stands where the killed one writes."""
    chosen = STAGES[attempt.number % len(STAGES)]
    out, log = attempt.folder / "out", attempt.folder / "stage.log"
    if chosen.name == "promote":
        shutil.copyfile(attempt.base / "mlflow.db", attempt.folder / "mlflow.db")
    if attempt.number // len(STAGES) % 2:
        for place in chosen.outputs.values():
            shutil.copytree(attempt.base / place, out / place)
    if not killed(attempt, chosen, out, log):
        return Outcome("late", f"{chosen.name} was done every time")
    for place in chosen.outputs.values():
        if (problem := stages.damaged(out / place)) is not None:
            return corrupt(f"{chosen.name}, after the kill: {problem}")
    return again(attempt, chosen, out, log)


def killed(attempt: Try, chosen: Stage, out: Path, log: Path) -> bool:
    """Start and kill, up to five times, until a kill comes before the end."""
    longest = stages.seconds(attempt.base, chosen)
    for _ in range(5):
        process = forked(chosen.run, attempt.base, out, log=log)
        if struck(process, attempt.chance.uniform(0.005, longest)):
            return True
        longest *= 0.7
    return False


def again(attempt: Try, chosen: Stage, out: Path, log: Path) -> Outcome:
    """The same command: it must end well, with what an undisturbed run made, and leave no rubbish."""
    if ended(chosen.run, attempt.base, out, log=log):
        return lost(f"{chosen.name} does not run again: {last_line(log)}")
    if chosen.content(out) != chosen.content(attempt.base):
        return corrupt(f"{chosen.name} made something else than an undisturbed run")
    if left := stages.rubbish(out):
        return corrupt(f"{chosen.name} left {', '.join(left)}")
    return HELD
