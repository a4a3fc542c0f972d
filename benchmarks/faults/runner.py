"""Runs tries, as many at once as there are cores, each in a process and a folder of its own."""

import contextlib
import importlib
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.faults.forks import FORK, Process, ended, last_line
from benchmarks.faults.rows import BROKEN, Outcome, Row, Try, wrong

COMPONENTS = Path(__file__).parents[2] / "components"
# Nothing here may reach a service of the person who runs it, nor write into its state.
OWN = {
    "BEDSIDE_HOME": "home",
    "BEDSIDE_FLUSH": "off",
    "BEDSIDE_AUTHOR": "grace@example.org",
    "BEDSIDE_REVIEWER_KEY": "reviewer.pem",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "GX_ANALYTICS_ENABLED": "false",
    "OMP_NUM_THREADS": "1",
    "NO_PROXY": "127.0.0.1",
    "GIT_CEILING_DIRECTORIES": "/",
}
# What stages import when they need it takes ten seconds and more, and is no part of what is tried here.
WARM = (
    "torch",
    "mlflow.tracking",
    "mlflow.server.fastapi_app",
    "uvicorn",
    "great_expectations",
    "onnxruntime",
    "onnxscript",
    "matplotlib.pyplot",
    "wfdb",
    "scipy.signal",
    "model_signing.signing",
    "model_signing.verifying",
    "dvc.repo",
    "tests.support.promoting",
)
STAGES = [f"components.{file.stem}" for file in sorted(COMPONENTS.glob("[a-z]*.py"))]
FOREIGN = ("BEDSIDE_SIGNING_KEY", "BEDSIDE_MIRROR", "BEDSIDE_PIPELINE_RUN", "MLFLOW_TRACKING_URI", "DVC_ROOT")


@dataclass
class Result:
    """What became of a row: the outcome of each number that was tried, and the seconds of work."""

    row: Row
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        return self.ungated > 0 or any(outcome.kind in BROKEN for outcome in self.outcomes.values())

    def count(self, kind: str) -> int:
        return sum(outcome.kind == kind for outcome in self.outcomes.values())

    @property
    def tried(self) -> int:
        """Faults that came in time."""
        return len(self.outcomes) - self.count("late")

    @property
    def ungated(self) -> int:
        return sum(outcome.ungated for outcome in self.outcomes.values())

    @property
    def promoted(self) -> int:
        return sum(outcome.promoted for outcome in self.outcomes.values())


def run(
    asked: Sequence[tuple[Row, Sequence[int]]], work: Path, processes: int, warm: Sequence[str] = (*WARM, *STAGES)
) -> list[Result]:
    """Try all; folders of tries that did not hold stay below `work`, to be looked at. `warm`: what to import first."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for name in tqdm(warm, desc="imports", mininterval=2):
        importlib.import_module(name)
    bases = _bases([row for row, numbers in asked if numbers], work)
    results = {row.name: Result(row) for row, _ in asked}
    limits = {row.name: row.limit for row, _ in asked}
    todo = [
        Try(row.name, number, work / _folder(row.name) / str(number), bases.get(row.base, work))
        for row, numbers in asked
        for number in numbers
    ]
    todo.sort(key=lambda attempt: -limits[attempt.row])  # the longest first: at the end no core waits for another
    with tqdm(total=len(todo), unit="fault", mininterval=2) as bar:
        for attempt, outcome, seconds in _all(todo, {row.name: row for row, _ in asked}, processes):
            result = results[attempt.row]
            result.outcomes[attempt.number] = outcome
            result.seconds += seconds
            bar.update()
            bar.set_postfix_str(attempt.row, refresh=False)
            if outcome.kind in BROKEN:
                bar.write(f"{outcome.kind}: {attempt.row} {attempt.number}: {outcome.told}", file=sys.stderr)
    return list(results.values())


def _folder(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _bases(rows: Sequence[Row], work: Path) -> dict[Any, Path]:
    """Make each base once, in a process of its own, and import here what it needed: tries are forked from here."""
    made: dict[Any, Path] = {}
    makers = list(dict.fromkeys(row.base for row in rows if row.base))
    for make in tqdm(makers, desc="what tries begin with", mininterval=2):
        made[make] = work / "bases" / f"{make.__module__.rpartition('.')[2]}-{make.__name__}"
        made[make].mkdir(parents=True)
        modules = work / "modules.json"
        log = work / "bases" / f"{made[make].name}.log"
        if ended(_made, make, made[make], modules, log=log, timeout=600):
            sys.exit(f"faults: {make.__module__}.{make.__name__} failed: {last_line(log)} (all of it: {log})")
        for name in json.loads(modules.read_text(encoding="utf-8")):
            with contextlib.suppress(Exception):  # some modules are parts of others and cannot be imported by name
                importlib.import_module(name)
    return made


def _made(make: Callable[[Path], None], folder: Path, modules: Path) -> None:
    _settle(folder)
    make(folder)
    ours = [name for name in sys.modules if name != "__main__" and not name.startswith(("multiprocessing", "dvc.cli"))]
    modules.write_text(json.dumps(ours), encoding="utf-8")


def _settle(folder: Path) -> None:
    """This process works in `folder`, with a state of its own."""
    os.chdir(folder)
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ |= OWN | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@dataclass
class _Running:
    attempt: Try
    process: Process
    answer: Connection
    started: float
    deadline: float


def _all(todo: Sequence[Try], rows: dict[str, Row], processes: int) -> Iterator[tuple[Try, Outcome, float]]:
    waiting, running = list(reversed(todo)), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                running.append(_start(waiting.pop(), rows))
            wait([each.process.sentinel for each in running], timeout=1.0)
            for each in [each for each in running if _is_over(each)]:
                running.remove(each)
                yield each.attempt, _outcome(each), time.monotonic() - each.started
    finally:
        for each in running:
            _end(each)


def _start(attempt: Try, rows: dict[str, Row]) -> _Running:
    attempt.folder.mkdir(parents=True)
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_tried, args=(attempt, rows[attempt.row], sender))
    process.start()
    sender.close()
    now = time.monotonic()
    return _Running(attempt, process, receiver, now, now + rows[attempt.row].limit)


def _tried(attempt: Try, row: Row, sender: Connection) -> None:
    os.setsid()  # so that all that it starts can be ended with it
    log = os.open(attempt.folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    _settle(attempt.folder)
    try:
        sender.send(row.inject(attempt))
    except BaseException as error:  # whatever it is, it is the outcome of this try
        traceback.print_exc()
        sender.send(wrong(f"{type(error).__name__}: {str(error)[:300]}"))


def _is_over(each: _Running) -> bool:
    return each.process.exitcode is not None or time.monotonic() > each.deadline


def _outcome(each: _Running) -> Outcome:
    late = each.process.exitcode is None
    told: Outcome | None = None
    with contextlib.suppress(EOFError):  # it was killed
        told = each.answer.recv() if each.answer.poll() else None
    _end(each)
    outcome = told or wrong("not done in time" if late else f"ended with {each.process.exitcode} and no answer")
    if outcome.kind in ("held", "late"):
        shutil.rmtree(each.attempt.folder, ignore_errors=True)
    return outcome


def _end(each: _Running) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(each.process.pid or 0, signal.SIGKILL)
    each.process.join()
