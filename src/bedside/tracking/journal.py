"""One file of events per run, appended and flushed to disk, with the small files it refers to beside it.

The writer holds a lock on its journal. The kernel drops that lock when the process dies, however it dies, so a journal
without an end and without a lock belongs to a run that was killed.
"""

import contextlib
import fcntl
import itertools
import json
import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from bedside.redaction import clean
from bedside.scratch import home

KEPT = frozenset({".png", ".svg", ".html", ".json", ".md"})
LARGEST = 8_000_000  # bytes, for a page with its pictures; models and windows are the artifacts' business
SIGNED = "bundles"  # promotion uploads these itself, whole
MOST = 500  # files of one output

Event = dict[str, Any]


def folder() -> Path:
    """Where the journals of this workspace lie until they are replayed."""
    return home() / "journal"


class Journal:
    """The writing side. A full disk costs a gap and one warning; it never stops the work."""

    def __init__(self, component: str, file: IO[bytes]) -> None:
        self.component, self._file = component, file
        self.path = Path(file.name)
        self._lock, self._clock, self._warned = threading.Lock(), 0, False

    @classmethod
    @contextlib.contextmanager
    def opened(cls, component: str) -> Iterator["Journal"]:
        """A new journal, locked until the block ends."""
        seconds, ns = divmod(time.time_ns(), 1_000_000_000)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
        key = f"{stamp}.{ns // 1_000_000:03d}-{component}-{secrets.token_hex(4)}"
        with contextlib.ExitStack() as stack:
            try:
                folder().mkdir(parents=True, exist_ok=True)
                file = stack.enter_context((folder() / f"{key}.jsonl").open("ab", buffering=0))
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                print(f"tracking: cannot write into {folder()} ({error}); this run is not recorded", file=sys.stderr)
                file = stack.enter_context(Path(os.devnull).open("ab", buffering=0))
            yield cls(component, file)

    @property
    def key(self) -> str:
        return self.path.stem

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one event without secrets; its time in ms strictly rises: no two points of a metric are equal."""
        with self._lock:
            self._clock = max(self._clock + 1, time.time_ns() // 1_000_000)
            line = clean(json.dumps({"time": self._clock, **event})).encode() + b"\n"
            try:
                self._write(b"\n" + line if self._warned else line)  # the line before may be a part
            except OSError as error:
                self._warn(error)

    def _write(self, line: bytes) -> None:
        """A disk that is nearly full takes a part and says so only when it is asked to take the rest."""
        while line:
            line = line[self._file.write(line) :]
        os.fsync(self._file.fileno())

    def keep(self, name: str, output: Path) -> list[str]:
        """Copy the small readable files of an output; their paths, relative to the journal's own folder."""
        inside = (f for f in sorted(output.rglob("*")) if SIGNED not in f.relative_to(output).parts)
        files = (f for f in inside if f.suffix in KEPT and f.is_file() and f.stat().st_size < LARGEST)
        kept = [str(Path(name) / f.relative_to(output)) for f in itertools.islice(files, MOST)]
        try:
            for file in kept:
                target = files_of(self.path) / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(output / Path(file).relative_to(name), target)
        except OSError as error:
            self._warn(error)
            return []
        return kept

    def _warn(self, error: OSError) -> None:
        if not self._warned and self.path != Path(os.devnull):
            print(f"tracking: cannot write {self.path} ({error}); the record of this run has gaps", file=sys.stderr)
        self._warned = True


def files_of(path: Path) -> Path:
    """The folder of files that a journal refers to."""
    return path.parent / path.stem


def state_of(path: Path) -> Path:
    """The file that says how far a journal has been replayed."""
    return path.parent / f"{path.stem}.state"


def pending() -> list[Path]:
    """Journals that are not replayed to their end, oldest first."""
    return sorted(folder().glob("*.jsonl"))


def read(path: Path) -> list[Event]:
    """The events of a journal; lines torn by a kill or a full disk are left out."""
    return [event for line in path.read_bytes().splitlines() if (event := _event(line)) is not None]


def _event(line: bytes) -> Event | None:
    try:
        return Event(json.loads(line))
    except ValueError:
        return None


def close_if_dead(path: Path) -> None:
    """Give the journal of a killed process its end, dated by its last sign of life."""
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # its process lives
        events = read(path)
        if not events or events[-1]["event"] == "end":
            return
        whole = b"".join(json.dumps(event).encode() + b"\n" for event in events)
        end = {"time": events[-1]["time"] + 1, "event": "end", "status": "KILLED", "error": "the process disappeared"}
        file.seek(0)
        file.write(whole + json.dumps(end).encode() + b"\n")
        file.truncate()
        os.fsync(file.fileno())


def retire(path: Path) -> None:
    """Put a wholly replayed journal away and drop the copies it kept."""
    done = folder() / "replayed"
    done.mkdir(exist_ok=True)
    path.rename(done / path.name)
    if state_of(path).exists():
        state_of(path).rename(state_of(done / path.name))
    shutil.rmtree(files_of(path), ignore_errors=True)


def is_alive(path: os.PathLike[str]) -> bool:
    """Whether the process that writes this journal still holds it."""
    try:
        with Path(path).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False
