"""A disk that is full: a small tmpfs on which artifacts or state lie, with a few kilobytes left."""

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bedside.artifacts import open_artifact
from benchmarks.faults import stages
from benchmarks.faults.forks import ended, last_line
from benchmarks.faults.rows import HELD, Outcome, Try, corrupt, lost, row, wrong
from benchmarks.faults.stages import STAGES, Stage

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
MEGABYTES = 24
# Stages that write artifacts, of different sizes and with different libraries; the training has its checkpoints too.
TRIED = [stage for stage in STAGES if stage.name in ("ingest", "prepare", "train_teacher", "export", "evaluate")]


def can_mount() -> bool:
    """Whether this machine lets us mount a tmpfs, in a process of its own."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    return bool(shutil.which("unshare")) and not subprocess.run(command, capture_output=True, check=False).returncode


@contextlib.contextmanager
def small(folder: Path) -> Iterator[Path]:
    """A tmpfs that this process and its children see, and that is gone with them."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "no mount namespace of one's own")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)], check=True)
    yield folder


def fill(folder: Path, left: int) -> Path:
    """Leave so many bytes free."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        file.truncate(max(0, file.tell() // 4096 * 4096 - left))
    return filler


def full(attempt: Try) -> Outcome:
    """Artifacts on the full disk, with an earlier one in place; every other time the state too."""
    chosen = TRIED[attempt.number % len(TRIED)]
    with small(attempt.folder / "disk") as disk:
        out, log = disk / "out", attempt.folder / "stage.log"
        _earlier(attempt, chosen, out)
        if attempt.number // len(TRIED) % 2:
            os.environ["BEDSIDE_HOME"] = str(disk / "home")
        filler = fill(disk, attempt.chance.randrange(0, 8192))
        status = ended(chosen.run, attempt.base, out, log=log)
        return _judged(attempt, chosen, out, log, status) or _again(attempt, chosen, out, log, filler)


def limited(attempt: Try) -> Outcome:
    """Where nobody may mount: no file of the stage may be larger than a few kilobytes."""
    chosen, out, log = TRIED[attempt.number % len(TRIED)], attempt.folder / "out", attempt.folder / "stage.log"
    _earlier(attempt, chosen, out)
    status = ended(_with_small_files, chosen, attempt, out, log=log)
    return _judged(attempt, chosen, out, log, status) or _again(attempt, chosen, out, log, None)


def _with_small_files(chosen: Stage, attempt: Try, out: Path) -> None:
    import resource

    most = attempt.chance.randrange(0, 8192)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    chosen.run(attempt.base, out)


def _earlier(attempt: Try, chosen: Stage, out: Path) -> None:
    for place in chosen.outputs.values():
        shutil.copytree(attempt.base / place, out / place)


def _judged(attempt: Try, chosen: Stage, out: Path, log: Path, status: int) -> Outcome | None:
    for place in chosen.outputs.values():
        if (problem := stages.refusal(open_artifact, out / place)) is not None:
            return corrupt(f"the previous {place}: {problem}")
    if chosen.content(out) != chosen.content(attempt.base):
        return corrupt(f"the previous output of {chosen.name} is another now")
    if status == 0:
        return Outcome("late", f"{chosen.name} found room")
    told = log.read_text(errors="replace", encoding="utf-8")
    if "Traceback" in told or not ("o space left" in told or "File too large" in told):
        return wrong(f"{chosen.name} does not say that the disk is full: {last_line(log)}")
    return None


def _again(attempt: Try, chosen: Stage, out: Path, log: Path, filler: Path | None) -> Outcome:
    """With room again, the same command makes what an undisturbed one makes."""
    if filler:
        filler.unlink()
    if ended(chosen.run, attempt.base, out, log=log):
        return lost(f"{chosen.name} does not run again: {last_line(log)}")
    return (
        HELD if chosen.content(out) == chosen.content(attempt.base) else corrupt(f"{chosen.name} made something else")
    )


EXPECTED = "clear error, previous artifact intact"
if can_mount():
    row("disk full (small tmpfs)", 20, EXPECTED, base=stages.pipeline)(full)
else:
    row("disk full (files limited by RLIMIT_FSIZE)", 20, EXPECTED, base=stages.pipeline)(limited)
