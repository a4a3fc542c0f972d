"""From windows per recording to the two datasets: what trains, and what tests."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bedside.artifacts import Artifact, sha256, write_json
from bedside.datasets.base import seconds
from bedside.datasets.inputs import described, not_finite, require_names, shapes
from bedside.datasets.layouts import ANNOTATED, WINDOWS
from bedside.datasets.reading import Entry
from bedside.datasets.windows import Windows, concatenate, write_windows
from bedside.errors import NotFiniteError, RefusedError
from bedside.tasks.base import RecordWindows, Task
from bedside.tasks.proof import Fingerprint, prove
from bedside.tasks.splits.base import NAMES, Assignment

People = Mapping[str, Entry]
SUBGROUPS = ("sex", "age_band")


def people_of(recordings: Artifact, records: Sequence[str]) -> People:
    """`{record: row of records.json}` of the accepted records."""
    return {row["record"]: row for row in recordings.json("records.json") if row["record"] in set(records)}


def assign(task: Task, people: People, folder: Path) -> Assignment:
    """Give each record in `folder` that the task takes to a split; refuse a split that stays empty."""
    unfit = task.left_out(folder, people.values())
    found = task.split.divide(row for record, row in people.items() if record not in unfit)
    assignment = Assignment(found.splits, {**unfit, **found.left_out})
    if empty := [name for name in NAMES if not assignment.splits[name]]:
        why = "; ".join(f"{record} is {reason}" for record, reason in [*assignment.left_out.items()][:3])
        raise RefusedError(
            f"no record is left for {', '.join(empty)}{f' ({why})' if why else ''}; change task.split or correct the "
            "recordings"
        )
    return assignment


def sound(record: str, windows: RecordWindows) -> RecordWindows:
    """The windows themselves; RefusedError for inputs with names that cannot be, NotFiniteError for numbers."""
    require_names(windows.inputs)
    if len(rows := not_finite(windows.inputs)):
        raise NotFiniteError(
            f"the window of record {record} at sample {windows.sample[rows[0]]}",
            f"holds numbers that are not finite (so do {len(rows)} of {len(windows.label)} windows)",
            "a recording like this is one that validate must quarantine: tighten its limits in params.yaml",
        )
    return windows


def proof(
    recordings: Artifact, people: People, splits: Mapping[str, list[str]], done: Mapping[str, RecordWindows]
) -> dict[str, Any]:
    """The proof that the splits are disjoint in patients, recordings and raw windows, or the refusal."""
    return prove(
        {
            name: Fingerprint(
                patients=frozenset(people[record]["patient"] for record in splits[name]),
                records=frozenset(sha256(_contents(recordings, record)) for record in splits[name]),
                windows=frozenset().union(*(done[record].digests for record in splits[name])),
            )
            for name in NAMES
        }
    )


def _contents(recordings: Artifact, record: str) -> Path:
    """The file that tells a recording from others, whatever it is called."""
    names = [f"records/{record}{layout.contents}" for layout in (ANNOTATED, WINDOWS)]
    return recordings / next((name for name in names if name in recordings.manifest["files"]), names[0])


def write_dataset(
    folder: Path,
    splits: Mapping[str, list[str]],
    people: People,
    done: Mapping[str, RecordWindows],
    about: Mapping[str, Any],
) -> dict[str, Windows]:
    """Write `<split>.safetensors` for each of `splits` and the `dataset.json` that explains them; return them."""
    records = sorted(record for names in splits.values() for record in names)
    patients = sorted({people[record]["patient"] for record in records})
    windows = {}
    for split, names in splits.items():
        parts = [_indexed(done[r], records.index(r), patients.index(people[r]["patient"])) for r in names]
        every = concatenate(parts)
        windows[split] = every if split == "test" else every[every.label >= 0]
        write_windows(folder / f"{split}.safetensors", windows[split])
    classes = about["outcome"]["classes"]
    description = {
        **about,
        "inputs": described(shapes(every.inputs)),
        "records": records,
        "patients": patients,
        **_times([people[record] for record in records]),
        "subgroups": {people[r]["patient"]: {k: people[r][k] for k in SUBGROUPS if k in people[r]} for r in records},
        "splits": {split: _count(windows[split], names, people, classes) for split, names in splits.items()},
    }
    write_json(folder / "dataset.json", description)
    return windows


def _times(rows: Sequence[Entry]) -> dict[str, Any]:
    """How long each recording is, and the rate of `sample` if all have one: as far as the source knows."""
    known: dict[str, Any] = {}
    if len(rates := {row.get("fs") for row in rows}) == 1 and None not in rates:
        known["recording_rate"] = rates.pop()
    lengths = {row["record"]: seconds(row) for row in rows}
    return known if None in lengths.values() else {**known, "seconds": lengths}


def write_label(folder: Path, learned: Mapping[str, list[str]], people: People) -> None:
    """A label that travels to every network: whom it learned from. The proof about a test set is about these alone."""
    known = sorted({people[record]["patient"] for records in learned.values() for record in records})
    digest = hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]
    (folder / "labels.json").write_text(json.dumps({"learned_from": digest}) + "\n", encoding="utf-8")


def _indexed(done: RecordWindows, record: int, patient: int) -> Windows:
    rows = len(done.label)
    return Windows(done.inputs, done.label, np.full(rows, record), np.full(rows, patient), done.sample)


def _count(windows: Windows, records: list[str], people: People, classes: Sequence[str]) -> dict[str, Any]:
    counts = {name: int((windows.label == label).sum()) for label, name in enumerate(classes)}
    return {
        "records": records,
        "patients": sorted({people[record]["patient"] for record in records}),
        "counts": counts | {"unscored": int((windows.label < 0).sum())},
    }
