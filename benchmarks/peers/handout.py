"""What every peer is handed, and how it hands back what it made. Needs numpy alone: each peer runs in its own Python.

A handout is a folder: `teacher.onnx` (fp32, free batch size, inputs as `facts.json` names them, output `logits`),
`teacher/` (the model artifact, which `bedside.models.load` turns into a torch module), `train.npz`, `validation.npz`
and `calibration.npz` (the inputs, `label`, `patient`), and `facts.json`. Test windows are not in it.
"""

import argparse
import contextlib
import importlib.metadata
import json
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

PLAN = "plan.json"  # every attempt of a peer, written before the first one
Feed = dict[str, np.ndarray[Any, Any]]
CALIBRATION = 512  # windows; the toolkits' own defaults are 100 to 300
EXPECTED = 256  # calibration windows on which an exported graph is compared with the network it came from


@dataclass(frozen=True)
class Handout:
    """The folder, read."""

    folder: Path

    @property
    def onnx(self) -> Path:
        """The teacher as an fp32 ONNX file."""
        return self.folder / "teacher.onnx"

    @cached_property
    def facts(self) -> dict[str, Any]:
        """`classes`, names of `inputs` in order, and `prune`: schedule and fine-tuning of bedside's own pruning."""
        found: dict[str, Any] = json.loads((self.folder / "facts.json").read_text(encoding="utf-8"))
        return found

    def windows(self, split: str) -> Feed:
        """The arrays of `train`, `validation` or `calibration`."""
        with np.load(self.folder / f"{split}.npz") as arrays:
            return dict(arrays)

    def evenly(self, split: str, windows: int) -> Feed:
        """At most this many labelled windows of a split, evenly spread over patients and time."""
        found = self.windows(split)
        labelled = np.flatnonzero(found["label"] >= 0)
        rows = labelled[np.unique(np.linspace(0, len(labelled) - 1, windows).astype(np.int64))]
        return {name: array[rows] for name, array in found.items()}

    def calibration(self) -> Feed:
        """The inputs of the calibration windows that every toolkit sets its ranges on."""
        return self.fed(self.evenly("calibration", CALIBRATION))

    def fed(self, windows: Feed) -> Feed:
        """Of these arrays those that the teacher reads, in its order."""
        return {name: windows[name] for name in self.facts["inputs"]}


def count(windows: Feed) -> int:
    """How many windows there are."""
    return len(next(iter(windows.values())))


def one_by_one(windows: Feed) -> list[Feed]:
    """A feed for each window, as a device sees them."""
    return [{name: array[i : i + 1] for name, array in windows.items()} for i in range(count(windows))]


@dataclass(frozen=True)
class Attempt:
    """One way of using a toolkit: `make(handout, target)` writes the ONNX file `target`, or raises."""

    name: str
    settings: str
    make: Callable[[Handout, Path], None]

    @property
    def slug(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def main(attempts: Sequence[Attempt], packages: Sequence[str]) -> None:
    """Command line of a peer: make every attempt that is not there yet; what fails is recorded, not fatal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("handout", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    tool = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    out = arguments.out.resolve()
    plan = [{"tool": tool, "name": a.name, "settings": a.settings, "slug": a.slug} for a in attempts]
    write(out / PLAN, plan)
    for attempt in attempts:
        record = out / f"{attempt.slug}.json"
        if not record.is_file():
            print(f"{tool}: {attempt.name} ...", file=sys.stderr, flush=True)
            write(record, _tried(attempt, Handout(arguments.handout.resolve()), record.with_suffix(".onnx")))


def write(path: Path, told: Any) -> None:
    """JSON that is there whole or not at all."""
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def _tried(attempt: Attempt, handout: Handout, target: Path) -> dict[str, Any]:
    started, error = time.monotonic(), None
    with _in_folder(target.with_suffix("")):
        try:
            attempt.make(handout, target)
            if not target.is_file():
                error = "the toolkit reported success but wrote no file"
        except Exception as problem:  # whatever a toolkit raises is a finding, and the next attempt is still worth it
            traceback.print_exc()
            error = in_a_line(problem)
            target.unlink(missing_ok=True)
    return {"file": None if error else target.name, "error": error, "seconds": round(time.monotonic() - started, 1)}


def in_a_line(problem: BaseException) -> str:
    """The first line that says anything of the error that started it all.

    >>> in_a_line(ValueError("\\n\\n  no kernel \\nat ..."))
    'ValueError: no kernel'
    """
    while problem.__cause__ is not None:
        problem = problem.__cause__
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(problem))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return ": ".join([type(problem).__name__, *lines[:1]])


@contextlib.contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Toolkits leave caches and logs where they run: let that be a folder of the attempt's own."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        yield
