"""Recordings that are somebody else's: copied under another name, cut at their start, moved by an offset."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bedside.artifacts import commit, open_artifact, staged


def altered(recordings: Path, target: Path, change: Callable[[Path, list[dict[str, Any]]], object]) -> Path:
    """A copy of the recordings, changed by `change(records folder, rows of records.json)` and committed again."""
    source = open_artifact(recordings)
    with staged(target) as staging:
        shutil.copytree(source.path / "records", staging / "records")
        rows = source.json("records.json")
        change(staging / "records", rows)
        (staging / "records.json").write_text(json.dumps(rows))
        commit(staging, target, {"component": "test", "labels": source.labels})
    return target


def renamed(folder: Path, record: str, name: str) -> None:
    """In `folder`, the recording `name` becomes a copy of `record`."""
    for suffix in (".dat", ".atr", ".hea"):
        content = (folder / f"{record}{suffix}").read_bytes().replace(record.encode(), name.encode())
        (folder / f"{name}{suffix}").write_bytes(content)


def shifted(folder: Path, record: str, name: str, start: int, offset: int = 0) -> None:
    """The same without its first `start` samples, each moved by `offset` ADC steps."""
    import wfdb

    from bedside.datasets.annotations import read_annotations
    from bedside.datasets.headers import read_header
    from bedside.datasets.samples import read_signal

    header, marks = read_header(folder / f"{record}.hea"), read_annotations(folder / f"{record}.atr")
    signal = np.clip(read_signal(folder, header)[start:].astype(np.int64) + offset, -2048, 2047)
    wfdb.wrsamp(
        name,
        360.0,
        ["mV"] * 2,
        [lead.name for lead in header.leads],
        d_signal=signal,
        fmt=["212"] * 2,
        adc_gain=[200.0] * 2,
        baseline=[1024] * 2,
        write_dir=str(folder),
    )
    kept = marks.sample >= start
    wfdb.wrann(name, "atr", marks.sample[kept] - start, marks.symbol[kept].tolist(), write_dir=str(folder))
