"""The family of tasks: a clinical problem, from one recording to labelled windows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.plugins import Choice, Plugin
from bedside.tasks.splits.base import Split


@dataclass(frozen=True)
class RecordWindows:
    """All windows of one recording: `signal` (window, channel, time), `rhythm` (window, feature), `label` and `sample`
    (window,), and the digests of the raw windows that prove what is in a split.
    """

    signal: NDArray[np.float32]
    rhythm: NDArray[np.float32]
    label: NDArray[np.int64]
    sample: NDArray[np.int64]
    digests: frozenset[bytes]


class Task(Plugin):
    """One clinical problem; its fields say how windows are cut and labelled and how patients are split."""

    split: Choice[Split]

    def windows(self, folder: Path, record: str) -> RecordWindows:
        """Cut and label one recording; label -1 is a window that only the test set counts and nothing scores."""
        raise NotImplementedError

    def description(self) -> dict[str, Any]:
        """What a reader of dataset.json must know: `classes`, `sampling_rate` and the like."""
        raise NotImplementedError
