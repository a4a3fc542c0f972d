"""The record of a run: a local journal first, replayed into MLflow when its store answers.

A stage writes to its journal only (one line per event, flushed to disk), so a dead, slow or refusing server costs
nothing. `flush` replays every journal of this workspace; doing it twice changes nothing.
"""

import contextlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bedside.artifacts import Artifact
from bedside.ending import Terminated
from bedside.tracking.background import Follower, at_end, chosen
from bedside.tracking.errors import TrackingError as TrackingError
from bedside.tracking.journal import Journal
from bedside.tracking.origin import start_event
from bedside.tracking.replay import Flushed as Flushed
from bedside.tracking.replay import flush as flush
from bedside.tracking.replay import run_id as _run_id

_running: list["Run"] = []


class Run:
    """One stage's record. Every method returns at once and never raises: telemetry must not cost the work."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._named = journal, False

    @property
    def key(self) -> str:
        """Names this run in every journal and store, before any store has given it an id."""
        return self._journal.key

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record metrics, for example `{"validation/accuracy": 0.93}`; `step` is the epoch or the batch."""
        numbers = {name: float(value) for name, value in values.items()}
        if numbers:
            self._journal.append({"event": "metrics", "values": numbers, "step": step or 0})

    def tags(self, values: Mapping[str, str]) -> None:
        """Record short texts to search by."""
        self._journal.append({"event": "tags", "values": dict(values)})

    def note(self, markdown: str) -> None:
        """What a reviewer reads first on the run's page."""
        self.tags({"mlflow.note.content": markdown})

    def artifacts(self, name: str, folder: Path) -> None:
        """Keep the pictures and small texts of an output; copied now, since a later run may replace the artifact."""
        for file in self._journal.keep(name, folder):
            self._journal.append({"event": "artifact", "file": file})

    def output(self, name: str, artifact: Artifact) -> None:
        """Record the digest of a committed output, and the variant that its folder is named after."""
        tags = {f"output.{name}": artifact.digest, f"made.{artifact.digest[:16]}": name}
        about = _place(artifact.path.resolve())
        if about and about != self._journal.component and not self._named:  # the first output names the run
            self._named = True
            tags["mlflow.runName"] = f"{self._journal.component} {about}"
        self.tags(tags)


@contextlib.contextmanager
def run(component: str, record: Mapping[str, Any]) -> Iterator[Run]:
    """Record one stage: parameters and lineage at the start, success or the error at the end."""
    with Journal.opened(component) as journal:
        journal.append(start_event(journal.key, component, record))
        current, follower = Run(journal), Follower(journal.key)
        _running.append(current)
        try:
            yield current
        except BaseException as error:
            journal.append({"event": "end", "status": "FAILED", "error": _explain(error)})
            raise
        else:
            journal.append({"event": "end", "status": "FINISHED"})
        finally:
            _running.remove(current)
            follower.stop()
    if chosen() == "end":
        at_end()


def log(values: Mapping[str, float], step: int | None = None) -> None:
    """Log metrics to the current run; does nothing outside one."""
    if _running:
        _running[-1].metrics(values, step)


def note(markdown: str) -> None:
    """Set the text at the top of the current run's page; does nothing outside a run."""
    if _running:
        _running[-1].note(markdown)


def current() -> Run | None:
    """The run of the stage that is executing, or None outside one."""
    return _running[-1] if _running else None


def current_run_id(timeout: float = 60) -> str:
    """Replay everything recorded so far and return the MLflow id of the current run.

    Raises TrackingError where the store does not answer in time, or outside a run.
    """
    if not _running:
        raise TrackingError("no stage is running, so there is no run to ask the tracking store for")
    flush(timeout)
    return _run_id(_running[-1].key)


def _place(folder: Path) -> str:
    """`artifacts/verdicts/<target>/<variant>` as `<variant> <target>`; empty in a launcher's own kind of folder."""
    parts = folder.parts[folder.parts.index("artifacts") + 1 :] if "artifacts" in folder.parts else ()
    return " ".join(reversed(parts[1:])) or "".join(parts)


def _explain(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt | Terminated):
        return "interrupted" if isinstance(error, KeyboardInterrupt) else "ended by SIGTERM"
    last = "".join(traceback.format_exception_only(error)).strip()
    where = traceback.extract_tb(sys.exc_info()[2])
    return f"{last}\nat {Path(where[-1].filename).name}:{where[-1].lineno}" if where else last
