"""One scale for all windows, learned from those that train: constants, which a device can apply as well."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.errors import RefusedError
from bedside.tasks.base import RecordWindows

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """Mean and deviation (entry,) of every input, over all else than the first axis of a window."""

    by_input: Mapping[str, tuple[Floats, Floats]]

    @classmethod
    def of(cls, train: Sequence[RecordWindows]) -> "Scale":
        """What the scored windows of these records have; RefusedError for an entry that is the same in all of them."""
        scored = [{name: array[part.label >= 0] for name, array in part.inputs.items()} for part in train]
        found = {name: _moments(np.concatenate([part[name] for part in scored])) for name in scored[0]}
        for name, (_, deviation) in found.items():
            if len(constant := np.flatnonzero(deviation == 0)):
                raise RefusedError(
                    f"entry {constant[0]} of the input {name} is the same in all training windows, so no scale fits "
                    "it; leave it out of source.inputs, or set task.scale: none"
                )
        return cls(found)

    def applied(self, windows: RecordWindows) -> RecordWindows:
        """These windows on the scale."""
        scaled = {name: _scaled(array, *self.by_input[name]) for name, array in windows.inputs.items()}
        return dataclasses.replace(windows, inputs=scaled)

    def described(self) -> dict[str, Any]:
        """For dataset.json, where a device's maker reads what to do before the network: `(x - mean) / deviation`."""
        return {
            name: {"mean": mean.tolist(), "deviation": deviation.tolist()}
            for name, (mean, deviation) in self.by_input.items()
        }


def _moments(array: NDArray[np.float32]) -> tuple[Floats, Floats]:
    entries = np.moveaxis(array, 1, 0).reshape(array.shape[1], -1).astype(np.float64)
    return entries.mean(axis=1), entries.std(axis=1)


def _scaled(array: NDArray[np.float32], mean: Floats, deviation: Floats) -> NDArray[np.float32]:
    along = (1, -1, *(1,) * (array.ndim - 2))
    return np.asarray((array - mean.reshape(along)) / deviation.reshape(along), dtype=np.float32)
