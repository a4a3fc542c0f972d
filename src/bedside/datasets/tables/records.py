"""One record of windows in an artifact: numbers in `<record>.safetensors`, texts in `<record>.json`; no pickle."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside import tensors
from bedside.artifacts import write_json
from bedside.datasets.recording import RecordingError
from bedside.datasets.tables.part import Part
from bedside.errors import RefusedError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")  # becomes the name of a file
ONE_EACH = ("subject", "split", "rate", "sex", "age_band")  # of what a record has one
ROW = "row"


@dataclass(frozen=True)
class Record:
    """Windows of one record in time order: `inputs` (window, *shape) by name, `row` (window,) of their file from 1.

    `labels` are the texts in the file, one a window, or none if the source names no column for them.
    """

    name: str
    inputs: Mapping[str, NDArray[np.float32]]
    row: NDArray[np.int64]
    labels: tuple[str, ...] | None


def load(folder: Path, name: str) -> Record:
    """What `write` wrote."""
    arrays = tensors.load(folder / f"{name}.safetensors")
    labels = about(folder, name)["labels"]
    order = about(folder, name)["inputs"]
    return Record(name, {key: arrays[key] for key in order}, arrays[ROW], None if labels is None else tuple(labels))


def about(folder: Path, name: str) -> dict[str, Any]:
    """The texts of a record."""
    return dict(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))


def write(folder: Path, parts: Sequence[Part]) -> dict[str, str]:
    """Write every record that is fit for use; the reasons for the others."""
    quarantine = {}
    for name, pieces in _by_record(parts).items():
        try:
            texts = _one_each(name, pieces)
            _write(folder, name, pieces, texts)
        except RecordingError as error:
            quarantine[name] = str(error)
    return quarantine


Pieces = list[tuple[Part, NDArray[np.int64]]]  # rows of each file


def _by_record(parts: Sequence[Part]) -> dict[str, Pieces]:
    """The rows of each record, by its name; RefusedError for a row that says of nobody that it is theirs."""
    found: dict[str, Pieces] = {}
    for part in parts:
        role = "record" if "record" in part.texts else "subject"
        for needed in {role, "subject"}:
            _expect_names(part, needed)
        for name in np.unique(part.texts[role]).tolist():
            found.setdefault(name, []).append((part, np.flatnonzero(part.texts[role] == name)))
    return dict(sorted(found.items()))


def _expect_names(part: Part, role: str) -> None:
    texts = part.texts[role]
    for name, row in zip(*np.unique(texts, return_index=True), strict=True):
        if not NAME.fullmatch(name):
            what = "is empty" if not name else "cannot be a file's name: take letters, digits, spaces, . _ and -"
            raise RefusedError(f"{part.place(int(row))}: its {role} {what}")


def _one_each(name: str, pieces: Pieces) -> dict[str, str]:
    """What all rows of a record agree in, by role. RecordingError where they do not; where it is the person or the
    split, RefusedError: then the table is wrong, and no record of it can be trusted.
    """
    agreed: dict[str, tuple[str, str]] = {}
    for part, rows in pieces:
        for role in (role for role in ONE_EACH if role in part.texts):
            texts = part.texts[role][rows]
            for first in sorted(np.unique(texts, return_index=True)[1].tolist()):
                text, place = str(texts[first]), part.place(int(rows[first]))
                other, where = agreed.setdefault(role, (text, place))
                if other != text:
                    error = RefusedError if role in ("subject", "split") else RecordingError
                    raise error(
                        f"{name} has the {role} {other!r} ({where}) and the {role} {text!r} ({place}); a record has one"
                    )
    return {role: text for role, (text, _) in agreed.items()}


def _write(folder: Path, name: str, pieces: Pieces, texts: Mapping[str, str]) -> None:
    if bad := [f"{part.place(row)}: {part.faults[row]}" for part, row in _each(pieces) if row in part.faults]:
        more = f" (and {len(bad) - 1} rows more)" if len(bad) > 1 else ""
        raise RecordingError(f"{bad[0]}{more}")
    order = _in_time(name, pieces)
    numbers = {key: np.concatenate([part.numbers[key][rows] for part, rows in pieces]) for key in pieces[0][0].numbers}
    rows = np.concatenate([rows + 1 for _, rows in pieces])
    arrays = {key: np.ascontiguousarray(array[order]) for key, array in numbers.items()}
    tensors.save(folder / f"{name}.safetensors", {**arrays, ROW: rows[order].astype(np.int64)})
    labels = [part.texts["label"][rows] for part, rows in pieces if "label" in part.texts]
    told = np.concatenate(labels)[order].tolist() if labels else None
    write_json(folder / f"{name}.json", {**texts, "inputs": list(arrays), "labels": told})


def _each(pieces: Pieces) -> Iterator[tuple[Part, int]]:
    return ((part, row) for part, rows in pieces for row in rows.tolist())


def _in_time(name: str, pieces: Pieces) -> NDArray[np.int64]:
    """The order of a record's windows (window,): that of the file, or of the column that says when each was."""
    if "time" not in pieces[0][0].texts:
        return np.arange(sum(len(rows) for _, rows in pieces))
    texts = np.concatenate([part.texts["time"][rows] for part, rows in pieces])
    try:
        times: NDArray[Any] = texts.astype(np.float64)
    except ValueError:
        times = _dates(texts)
    order = np.argsort(times, kind="stable")
    places = [part.place(row) for part, row in _each(pieces)]
    if len(unknown := np.flatnonzero(np.isnan(times) if times.dtype.kind == "f" else np.isnat(times))):
        raise RecordingError(f"{places[unknown[0]]}: its time is neither a number nor a date (ISO 8601)")
    if len(twice := np.flatnonzero(times[order][1:] == times[order][:-1])):
        one, other = places[order[twice[0]]], places[order[twice[0] + 1]]
        raise RecordingError(f"{one} and {other}: two windows of {name} at one time")
    return order


def _dates(texts: NDArray[np.str_]) -> NDArray[Any]:
    import pandas as pd

    return pd.to_datetime(pd.Series(texts), errors="coerce", format="ISO8601", utc=True).to_numpy("datetime64[ns]")
