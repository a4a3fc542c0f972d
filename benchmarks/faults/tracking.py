"""A real MLflow server that is down, stopped, slow, answers 503 or resets: from the start, in the middle, late."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from bedside import tracking
from bedside.tracking import journal
from benchmarks.faults import stages
from benchmarks.faults.forks import ended, forked, last_line
from benchmarks.faults.front import Front, WarmServer
from benchmarks.faults.rows import HELD, Outcome, Try, lost, row, wrong
from benchmarks.faults.stages import refusal, say
from benchmarks.faults.training import TRAIN
from tests.support.deployments import Deployed, Maker
from tests.support.mlflow_store import history, runs
from tests.support.promoting import aliases, promoted

KINDS = ("down", "stopped", "slow", "5xx", "reset")
MOMENTS = {"start": (0, 0), "middle": (2, 12), "end": (12, 25)}  # calls of the replay that still go through
PATIENCE, SLACK = 4.0, 30.0  # seconds that a client is given, and how much later it may end on a busy machine
Points = dict[str, list[tuple[int, float]]]


@row(
    "tracking server down, stopped, slow, 5xx, reset: at start, middle, end", 70,
    "training completes; replay loses 0, doubles 0; promotion refuses; bounded time", base=stages.trained, limit=300,
)  # fmt: skip
def outage(attempt: Try) -> Outcome:
    kind, moment = KINDS[attempt.number % len(KINDS)], list(MOMENTS)[attempt.number // len(KINDS) % len(MOMENTS)]
    made = Maker(attempt.folder).make("pruned")
    with WarmServer(attempt.folder) as server:
        before = Front(server, attempt.folder)
        try:
            return _tried(attempt, Fault(kind, moment, server, before, attempt), made)
        finally:
            server.send(signal.SIGCONT)
            before.close()


class Fault:
    """One kind of outage that begins at a call of a replay, and can be healed."""

    def __init__(self, kind: str, moment: str, server: WarmServer, before: Front, attempt: Try) -> None:
        self.kind, self.server, self.front = kind, server, before
        self.after = attempt.chance.randint(*MOMENTS[moment])
        self.uri = before.uri

    def begin(self) -> None:
        """From now on, or in so many calls."""
        if self.kind in ("slow", "5xx", "reset"):
            self.front.fault(self.kind, self.after)
        elif not self.after:
            self._strike()

    def watch(self, is_over: Callable[[], bool]) -> bool:
        """Strike when the calls have come; False where the replay was over before."""
        first = self.front.calls
        while not is_over():
            if self.front.calls - first >= self.after:
                if self.after and self.kind in ("down", "stopped"):
                    self._strike()
                return True
            time.sleep(0.005)
        return self.front.calls - first > self.after

    def _strike(self) -> None:
        if self.kind == "down":
            self.server.kill()
        elif self.kind == "stopped":
            self.server.send(signal.SIGSTOP)

    def heal(self) -> None:
        self.front.heal()
        if self.kind == "stopped":
            self.server.send(signal.SIGCONT)
        elif not self.server.is_there:
            self.server.start()


def _tried(attempt: Try, fault: Fault, made: Deployed) -> Outcome:
    os.environ |= {"MLFLOW_TRACKING_URI": fault.uri, "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
    log = attempt.folder / "stage.log"
    if not fault.after:
        fault.begin()
    if problem := _training(attempt, log):
        return problem
    wanted = points()
    replay = forked(tracking.flush, PATIENCE, log=log)
    if fault.after:
        fault.begin()
    in_time = fault.watch(lambda: replay.exitcode is not None)
    bound = PATIENCE + SLACK * (3 if fault.kind == "slow" else 1)  # while it answers, a replay goes on
    replay.join(bound)
    if replay.exitcode is None:
        return wrong(f"a replay with {PATIENCE:g} s to wait was still there after {bound:g} s")
    if not in_time:
        return Outcome("late", "the replay was done")
    say(f"{fault.kind} after {fault.after} calls: {last_line(log)}")
    refused = _promotion(attempt, fault, made)
    fault.heal()
    return refused or _whole(fault, wanted)


def _training(attempt: Try, log: Path) -> Outcome | None:
    """Every fifth training replays by itself when it ends, as in a container; it must end well whatever happens."""
    if attempt.number % 15 < len(KINDS):  # those of the outages that begin before it
        os.environ |= {"BEDSIDE_FLUSH": "end", "BEDSIDE_FLUSH_TIMEOUT": str(PATIENCE)}
    started = time.monotonic()
    status = ended(TRAIN.run, attempt.base, attempt.folder / "out", log=log, timeout=150)
    os.environ["BEDSIDE_FLUSH"] = "off"
    took = time.monotonic() - started
    if status:
        return lost(f"the training did not end well: {last_line(log)}")
    return wrong(f"the training took {took:.0f} s") if took > 2 * SLACK + PATIENCE else None


def _promotion(attempt: Try, fault: Fault, made: Deployed) -> Outcome | None:
    """Refused in bounded time, but where the server is only slow, and it may go through as a whole."""
    started = time.monotonic()
    told = refusal(promoted, [made], attempt.folder / "decision", timeout=PATIENCE)
    took = time.monotonic() - started
    if told is None and fault.kind != "slow":
        return wrong("a promotion went through without its tracking server")
    return wrong(f"a promotion took {took:.0f} s to refuse") if told and took > PATIENCE + SLACK else None


def points() -> Points:
    """What the journals hold of every metric."""
    found: Points = {}
    for path in [*journal.pending(), *(journal.folder() / "replayed").glob("*.jsonl")]:
        events = journal.read(path)
        if events[0]["tags"]["component"] != "train_teacher":
            continue
        for event in events:
            for name, value in event["values"].items() if event["event"] == "metrics" else ():
                found.setdefault(name, []).append((event["step"], value))
    return {name: sorted(values) for name, values in found.items()}


def _whole(fault: Fault, wanted: Points) -> Outcome:
    """After the outage a replay brings everything, once; and a second one changes nothing."""
    for turn in ("first", "second"):
        if told := refusal(_flushed):
            return lost(f"the {turn} replay after the outage: {told}")
        stored = runs(fault.server.uri, component="train_teacher")
        if len(stored) != 1:
            return wrong(f"the training is {len(stored)} runs after the {turn} replay")
        for name, values in wanted.items():
            found = history(fault.server.uri, stored[0].info.run_id, name)
            if found != values:
                what = f"{name} has {len(found)} of {len(values)} points after the {turn} replay"
                return lost(what) if len(found) < len(values) else wrong(what)
    return HELD if set(aliases().values()) <= {"1"} else wrong(f"aliases: {aliases()}")


def _flushed() -> None:
    try:
        tracking.flush(60)
    except tracking.TrackingError as error:
        raise SystemExit(str(error)) from error
