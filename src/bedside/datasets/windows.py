"""Windows of a split: six arrays with one row per beat, kept in one safetensors file."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bedside import tensors
from bedside.artifacts import Artifact, ArtifactError
from bedside.errors import NotFiniteError

DTYPES = {
    "signal": np.float32,
    "rhythm": np.float32,
    "label": np.int64,
    "record": np.int64,
    "patient": np.int64,
    "sample": np.int64,
}


@dataclass(frozen=True)
class Windows:
    """One row per beat, in record order and then in time.

    `signal` (beat, channel, time); `rhythm` (beat, feature); `label` (beat,): index into the classes, -1 for a beat
    that is counted but never scored; `record` and `patient` (beat,): indices into the lists of `dataset.json`; `sample`
    (beat,): the R peak in samples of the original recording.
    """

    signal: NDArray[np.float32]
    rhythm: NDArray[np.float32]
    label: NDArray[np.int64]
    record: NDArray[np.int64]
    patient: NDArray[np.int64]
    sample: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: slice | NDArray[np.bool_] | NDArray[np.int64]) -> "Windows":
        return Windows(*(getattr(self, field.name)[rows] for field in fields(self)))


def concatenate(parts: list[Windows]) -> Windows:
    """All rows of `parts`, in order."""
    return Windows(*(np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Windows)))


def write_windows(path: Path, windows: Windows) -> None:
    """Write the six arrays with the fixed dtypes of `DTYPES`; the bytes depend on the values alone."""
    arrays = {name: np.ascontiguousarray(getattr(windows, name), dtype=dtype) for name, dtype in DTYPES.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"{path.name}: arrays of different lengths {lengths}; one row per beat is needed in each")
    tensors.save(path, arrays)


def read_windows(path: Path) -> Windows:
    """Read what `write_windows` wrote; a missing or unknown array is an error that names it."""
    arrays = tensors.load(path)
    if set(arrays) != set(DTYPES):
        raise ArtifactError(f"{path}: holds {sorted(arrays)}; windows are {sorted(DTYPES)}")
    return Windows(**arrays)


def load_split(artifact: Artifact, split: str) -> Windows:
    """The windows of `train`, `validation` or `calibration` of a dataset, or of `test` of a test artifact.

    NotFiniteError names the first window that holds a number that is not finite.
    """
    windows = read_windows(artifact / f"{split}.safetensors")
    if len(rows := not_finite(windows.signal, windows.rhythm)):
        record, sample = windows.record[rows[0]], windows.sample[rows[0]]
        names = artifact.json("dataset.json")["records"]
        raise NotFiniteError(
            f"the {split} window of record {names[record]} at sample {sample} in {artifact.path}",
            f"holds numbers that are not finite (so do {len(rows)} of {len(windows)} windows)",
            "run prepare again: validate refuses such windows",
        )
    return windows


def not_finite(signal: NDArray[np.float32], rhythm: NDArray[np.float32]) -> NDArray[np.int64]:
    """Rows (row,) with a number that is not finite, of signal (window, channel, time) and rhythm (window, feature)."""
    sound = np.isfinite(signal).all(axis=(1, 2)) & np.isfinite(rhythm).all(axis=1)
    return np.flatnonzero(~sound)
