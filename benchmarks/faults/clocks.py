"""Clocks that are an hour behind or a day ahead: order is the sequence number, never the time."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bedside.registry.going_back import roll_back
from bedside.registry.log import PromotionLog
from benchmarks.faults import deployed
from benchmarks.faults.deployed import counted, graphs
from benchmarks.faults.rows import HELD, Outcome, Try, lost, not_built, row, wrong
from benchmarks.faults.stages import refusal
from tests.support.deployments import Deployed
from tests.support.promoting import TARGET, aliases, promoted

ROOT = Path(__file__).parents[2]
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long moved(void) { const char *by = getenv("CLOCK_MOVED_BY"); return by ? atol(by) : 0; }
int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, now);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) now->tv_sec += moved();
    return status;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec found;
    (void)zone;
    int status = clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return status;
}
time_t time(time_t *now) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (now) *now = found.tv_sec;
    return found.tv_sec;
}
"""
HOUR, DAY = 3600, 86400


def shim(folder: Path) -> None:
    """Base: a C library that moves the clock of the process that loads it."""
    (folder / "clock.c").write_text(SHIM, encoding="utf-8")
    command = ["cc", "-shared", "-fPIC", "-O2", "-o", folder / "clock.so", folder / "clock.c", "-ldl"]
    subprocess.run([str(part) for part in command], check=True)


def promote(made: Deployed, decision: Path, library: Path, by: int) -> None:
    """The stage in a process whose clock is moved."""
    command = [sys.executable, "-m", "components.promote", *deployed.command(made, decision)]
    home = {"BEDSIDE_HOME": str(Path(os.environ["BEDSIDE_HOME"]).resolve())}
    moved = {"LD_PRELOAD": str(library), "CLOCK_MOVED_BY": str(by)}
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | home | moved, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    if done.returncode:
        sys.exit(done.stderr.strip()[-400:])


def turn(attempt: Try) -> Outcome:
    """Three promotions, the middle one by a moved clock; then back, step by step, in their order."""
    by = -HOUR if attempt.number % 2 else DAY
    maker = deployed.workspace(attempt)
    made = [maker.make(f"v{number}", p99_ms=3.0 - number) for number in range(3)]
    promoted([made[0]], attempt.folder / "decision-0")
    if told := refusal(promote, made[1], attempt.folder / "decision-1", attempt.base / "clock.so", by):
        return counted(wrong(f"by a clock moved by {by} s: {told}"), graphs(*made))
    promoted([made[2]], attempt.folder / "decision-2")
    times = [entry["time"] for entry in PromotionLog().verify() if entry["state"] == "CONFIRMED"]
    if times == sorted(times):
        raise AssertionError(f"the clock was not moved: {times}")
    if aliases() != {"champion": "3", "challenger": "3"}:
        return counted(wrong(f"by a clock moved by {by} s the aliases are {aliases()}"), graphs(*made))
    back = [roll_back(TARGET, alias="champion", reason="alarm")[2] for _ in range(2)]
    entries = [entry["seq"] for entry in PromotionLog().verify()]
    if entries != list(range(1, len(entries) + 1)):
        return counted(lost("the log's numbers have a gap"), graphs(*made))
    return counted(HELD if back == ["2", "1"] else wrong(f"it went back to {back}, not to 2 and 1"), graphs(*made))


if shutil.which("cc"):
    row("clock -1 h, +1 d", 12, "order by sequence number", base=shim)(turn)
else:
    not_built("clock -1 h, +1 d", 12, "order by sequence number", "this machine has no C compiler to move a clock with")
