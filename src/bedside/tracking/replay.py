"""Replaying journals into the store: all of them, in order, from where the last replay stopped."""

import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bedside.artifacts import write_atomic
from bedside.tracking import journal
from bedside.tracking.errors import AddressError, TrackingError
from bedside.tracking.journal import Event
from bedside.tracking.lock import locked
from bedside.tracking.patience import at_most
from bedside.tracking.store import KEY, RETRY, Store, prepare, shown, was_refused_for_good

DATA = ("recordings", "dataset", "test")  # ports that carry data


@dataclass(frozen=True)
class Flushed:
    """What one flush did: runs it touched, events it sent, and runs that are still going on."""

    runs: int
    events: int
    live: int


@dataclass
class _Progress:
    """How far a journal has been replayed, and into which store; kept beside the journal."""

    file: Path
    store: str = ""
    run_id: str | None = None
    sent: int = 0

    @classmethod
    def of(cls, path: Path) -> "_Progress":
        file = journal.state_of(path)
        try:
            return cls(file, **json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return cls(file)

    def save(self) -> None:
        write_atomic(self.file, json.dumps({"store": self.store, "run_id": self.run_id, "sent": self.sent}) + "\n")


def flush(timeout: float = 60) -> Flushed:
    """Replay every journal of this workspace; a store that is away is tried again for `timeout` seconds.

    So long, too, it may be silent: while it goes on answering, the replay goes on. To start MLflow takes seconds of its
    own.

    Raises TrackingError when something could not be replayed; nothing is lost then, the journals stay.
    """
    if not journal.pending():
        return Flushed(0, 0, 0)
    prepare()
    deadline = time.monotonic() + timeout
    while True:
        try:
            with locked(journal.folder() / ".lock", max(0.0, deadline - time.monotonic())):
                return _flush(deadline - time.monotonic(), timeout)
        except TimeoutError as error:
            raise TrackingError(f"{error} ({_left()})") from None
        except TrackingError as error:
            if isinstance(error, AddressError) or time.monotonic() + RETRY > deadline:
                raise type(error)(f"{error} ({_left()})") from error.__cause__
            time.sleep(RETRY)


def _left() -> str:
    return f"nothing is lost: {len(journal.pending())} runs wait in {journal.folder()} for `bedside flush`"


def _flush(first: float, then: float) -> Flushed:
    """`first`: seconds in which the store has to show that it is there; `then`: for every further answer."""
    paths = journal.pending()
    with at_most(first):
        store, events, live = Store(), 0, 0
    with at_most(then):
        for path in paths:
            sent, ended = _replay(store, path)
            events, live = events + sent, live + (not ended)
    return Flushed(len(paths), events, live)


def _replay(store: Store, path: Path) -> tuple[int, bool]:
    """Send what is new in one journal; the number of events, and whether the run has ended."""
    journal.close_if_dead(path)
    lives = journal.is_alive(path)  # asked before reading: what a dead process has written is all there
    events = journal.read(path)
    if not events or events[0]["event"] != "start":
        if not lives:
            _tell_lost(path, len(events))
        return 0, not lives
    progress = _Progress.of(path)
    if progress.store != shown() or not store.exists(progress.run_id):
        progress.store, progress.run_id, progress.sent = shown(), store.run_of(events[0]), 0
        progress.save()
    before = progress.sent
    for batch in _batches(events[progress.sent :]):
        _send(store, str(progress.run_id), path, batch)
        progress.sent += len(batch)
        progress.save()
    ended = bool(events[-1]["event"] == "end")
    if ended:
        store.without_doubles(KEY, events[0]["key"])
        journal.retire(path)
    return progress.sent - before, ended


def _tell_lost(path: Path, events: int) -> None:
    """Without its first line nobody knows whose run it is; told at every flush until somebody takes the file away."""
    told = "has lost its first line (was the disk full?), so it belongs to no run; read it, then delete it"
    print(f"tracking: {path} {told} ({events} events)", file=sys.stderr)


def _batches(events: list[Event]) -> Iterator[list[Event]]:
    """Neighbouring events of one kind, at most 200 together."""
    for _, group in itertools.groupby(events, key=lambda event: event["event"]):
        same = list(group)
        for start in range(0, len(same), 200):
            yield same[start : start + 200]


def _send(store: Store, run_id: str, path: Path, batch: list[Event]) -> None:
    """One kind of events; what the store will never take is named and left out, or it would block all that follows."""
    try:
        _SENDERS[batch[0]["event"]](store, run_id, path, batch)
    except TrackingError as error:
        if not was_refused_for_good(error):
            raise
        if len(batch) == 1:
            print(f"tracking: {path.name}: {error}", file=sys.stderr)
        for event in batch if len(batch) > 1 else []:
            _send(store, run_id, path, [event])


def _start(store: Store, run_id: str, _: Path, batch: list[Event]) -> None:
    start = batch[0]
    store.parameters(run_id, start["params"])
    for name in DATA:
        if f"input.{name}" in start["tags"]:
            store.data(run_id, name, start["tags"][f"input.{name}"], start["tags"].get("data.version"))
    if "lineage.parent" in start["tags"]:
        made = f"made.{start['tags']['lineage.parent'][:16]}"
        makers = [run for port in ("teacher", "student") for run in store.find(made, port)]
        if makers:
            store.tags(run_id, {"lineage.parent_run": makers[-1].info.run_id})


def _metrics(store: Store, run_id: str, _: Path, batch: list[Event]) -> None:
    store.metrics(run_id, batch)


def _tags(store: Store, run_id: str, _: Path, batch: list[Event]) -> None:
    store.tags(run_id, {name: value for event in batch for name, value in event["values"].items()})


def _artifacts(store: Store, run_id: str, path: Path, batch: list[Event]) -> None:
    for event in batch:
        store.artifact(run_id, journal.files_of(path) / event["file"], event["file"])


def _end(store: Store, run_id: str, path: Path, batch: list[Event]) -> None:
    """Close the run; the pipeline run ends with its last stage, and stays FAILED once a stage failed."""
    end, start = batch[-1], journal.read(path)[0]
    if end["status"] != "FINISHED":
        store.tags(run_id, {"error": end["error"][:5000]})
    store.finish(run_id, end["status"], end["time"])
    parent = store.pipeline(start["pipeline"], start["time"])
    status = store.status(parent)
    store.finish(parent, end["status"] if status in ("RUNNING", "FINISHED") else status, end["time"])


_SENDERS = {"start": _start, "metrics": _metrics, "tags": _tags, "artifact": _artifacts, "end": _end}


def run_id(key: str) -> str:
    """The store's id of the run with this journal key; it must have been flushed before."""
    for path in (journal.folder() / f"{key}.jsonl", journal.folder() / "replayed" / f"{key}.jsonl"):
        progress = _Progress.of(path)
        if progress.run_id is not None:
            return progress.run_id
    raise TrackingError(f"run {key} is not in the tracking store {shown()}; run `bedside flush`")
