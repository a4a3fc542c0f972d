"""Windows of a split: the inputs and four index arrays with one row per window, kept in one safetensors file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bedside import tensors
from bedside.artifacts import Artifact, ArtifactError
from bedside.datasets.inputs import (
    INDICES,
    Arrays,
    Rows,
    Shapes,
    concatenated,
    declared,
    not_finite,
    rows,
    said,
    shapes,
)
from bedside.errors import NotFiniteError


@dataclass(frozen=True)
class Windows:
    """One row per window, in record order and then in time.

    `inputs`: by name (window, *shape); `label` (window,): index into the classes, -1 for a window that is counted but
    never scored; `record` and `patient` (window,): indices into the lists of `dataset.json`; `sample` (window,): the
    event in samples of the original recording.
    """

    inputs: Arrays
    label: NDArray[np.int64]
    record: NDArray[np.int64]
    patient: NDArray[np.int64]
    sample: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, chosen: Rows) -> "Windows":
        return Windows(rows(self.inputs, chosen), *(array[chosen] for array in self._indices))

    @property
    def _indices(self) -> list[NDArray[np.int64]]:
        return [getattr(self, name) for name in INDICES]


def concatenate(parts: Sequence[Windows]) -> Windows:
    """All rows of `parts`, in order."""
    indices = (np.concatenate([getattr(part, name) for part in parts]) for name in INDICES)
    return Windows(concatenated([part.inputs for part in parts]), *indices)


def write_windows(path: Path, windows: Windows) -> None:
    """Write float32 inputs and int64 indices; the bytes depend on the values alone."""
    inputs = {name: np.ascontiguousarray(array, np.float32) for name, array in windows.inputs.items()}
    indices = {name: np.ascontiguousarray(getattr(windows, name), np.int64) for name in INDICES}
    lengths = {name: len(array) for name, array in (inputs | indices).items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"{path.name}: arrays of different lengths {lengths}; one row per window is needed in each")
    tensors.save(path, inputs | indices)


def read_windows(path: Path, of: Shapes) -> Windows:
    """Read what `write_windows` wrote, the inputs `of` these shapes and in this order.

    ArtifactError for a missing, an unknown or a differently shaped array, which names it.
    """
    arrays = tensors.load(path)
    if set(arrays) != {*of, *INDICES}:
        raise ArtifactError(f"{path}: holds {sorted(arrays)}; these windows are {sorted({*of, *INDICES})}")
    inputs = {name: arrays.pop(name) for name in of}
    if (found := shapes(inputs)) != dict(of):
        raise ArtifactError(f"{path}: holds windows of {said(found)}; the dataset declares {said(of)}")
    return Windows(inputs, **arrays)


def load_split(artifact: Artifact, split: str) -> Windows:
    """The windows of `train`, `validation` or `calibration` of a dataset, or of `test` of a test artifact.

    NotFiniteError names the first window that holds a number that is not finite.
    """
    about = artifact.json("dataset.json")
    windows = read_windows(artifact / f"{split}.safetensors", declared(about))
    if len(silent := not_finite(windows.inputs)):
        record, sample = windows.record[silent[0]], windows.sample[silent[0]]
        raise NotFiniteError(
            f"the {split} window of record {about['records'][record]} at sample {sample} in {artifact.path}",
            f"holds numbers that are not finite (so do {len(silent)} of {len(windows)} windows)",
            "run prepare again: validate refuses such windows",
        )
    return windows
