"""A worker that runs out of memory: killed by the kernel in a memory cgroup, once, with nothing half done."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

from bedside.tracking import journal
from benchmarks.faults import stages
from benchmarks.faults.forks import ended, forked, last_line
from benchmarks.faults.rows import HELD, Outcome, Try, corrupt, lost, not_built, row, wrong
from benchmarks.faults.stages import STAGES, Stage

VERSION_1, VERSION_2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
TRIED = [stage for stage in STAGES if stage.name in ("prepare", "train_teacher", "prune", "export", "evaluate")]


@contextlib.contextmanager
def group(name: str, limit: int) -> Iterator[Path]:
    """A memory cgroup whose processes may hold so many bytes, beside what they share with others."""
    version_1 = (VERSION_1 / "memory.limit_in_bytes").exists()
    folder = (VERSION_1 if version_1 else VERSION_2) / f"bedside-{os.getpid()}-{name}"
    folder.mkdir()
    try:
        (folder / ("memory.limit_in_bytes" if version_1 else "memory.max")).write_text(str(limit), encoding="utf-8")
        yield folder
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()


def can_limit() -> bool:
    """Whether this machine lets us make memory cgroups."""
    try:
        with group("probe", 1 << 20):
            return True
    except OSError:
        return False


def confined(chosen: Stage, inputs: Path, out: Path, folder: Path) -> None:
    """The stage, in a group."""
    (folder / "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")
    chosen.run(inputs, out)


def worker(attempt: Try) -> Outcome:
    """A limit that the stage runs into sooner or later, with an earlier output in place every other time."""
    chosen = TRIED[attempt.number % len(TRIED)]
    out, log = attempt.folder / "out", attempt.folder / "stage.log"
    if attempt.number // len(TRIED) % 2:
        for place in chosen.outputs.values():
            shutil.copytree(attempt.base / place, out / place)
    status = _limited(attempt, chosen, out, log)
    if status is None:
        return Outcome("late", f"{chosen.name} needed less")
    if status != -signal.SIGKILL:
        return wrong(f"{chosen.name} ended with {status}, not as one that the kernel killed: {last_line(log)}")
    for place in chosen.outputs.values():
        if (problem := stages.damaged(out / place)) is not None:
            return corrupt(f"{chosen.name}: {problem}")
    starts = [path for path in journal.folder().glob("*.jsonl") if journal.read(path)]
    if len(starts) > 5:
        return wrong(f"{chosen.name} began {len(starts)} times")
    if ended(chosen.run, attempt.base, out, log=log):
        return lost(f"{chosen.name} does not run again: {last_line(log)}")
    return (
        HELD if chosen.content(out) == chosen.content(attempt.base) else corrupt(f"{chosen.name} made something else")
    )


def _limited(attempt: Try, chosen: Stage, out: Path, log: Path) -> int | None:
    """The exit status of the first of up to five ever tighter limits that was felt; None where none was."""
    limit = attempt.chance.randrange(8, 40) << 20
    for _ in range(5):
        with group(str(attempt.number), limit) as folder:
            process = forked(confined, chosen, attempt.base, out, folder, log=log)
            process.join(120)
        if process.exitcode:
            return process.exitcode
        limit //= 2
    return None


EXPECTED = "its own exit code (137 to a shell), no retry storm"
if can_limit():
    row("worker out of memory", 20, EXPECTED, base=stages.pipeline)(worker)
else:
    not_built("worker out of memory", 20, EXPECTED, "this machine lets nobody make memory cgroups")
