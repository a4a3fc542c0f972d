"""What a graph answered on every test window, checked before anything is counted."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside import tensors
from bedside.errors import RefusedError
from bedside.outcome import Outcome

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

UNSCORED = -1  # the label of what nobody is right or wrong about: shown in the table, never scored


@dataclass(frozen=True)
class Predictions:
    """Logits `(window, class)`, labels (index into classes, -1: unscored), record, patient and sample of every window.

    The decision is the largest logit: the operating point is inside the graph. Wrong shapes, unknown labels and logits
    that are not numbers raise RefusedError, because an argmax over NaN still names a class.
    """

    logits: Floats
    label: Ints
    record: Ints
    patient: Ints
    sample: Ints
    outcome: Outcome

    def __post_init__(self) -> None:
        windows, classes = len(self.label), self.classes
        if self.logits.shape != (windows, len(classes)):
            raise RefusedError(
                f"logits have shape {self.logits.shape} but there are {windows} labels and {len(classes)} classes; "
                "evaluate the graph on every window of the test split"
            )
        for name in ("record", "patient", "sample"):
            if getattr(self, name).shape != (windows,):
                raise RefusedError(f"{name} has shape {getattr(self, name).shape}, not ({windows},): prepare again")
        unknown = sorted(set(np.unique(self.label).tolist()) - {UNSCORED, *range(len(classes))})
        if unknown:
            raise RefusedError(
                f"unknown labels {unknown}; known: {UNSCORED} ({self.outcome.unscored.name}) and 0 to "
                f"{len(classes) - 1} ({', '.join(classes)}); prepare the test split again"
            )
        silent = int((~np.isfinite(self.logits)).any(axis=1).sum())
        if silent:
            raise RefusedError(
                f"{silent} of {windows} windows have a logit that is not a finite number: the graph does not answer "
                "there; check its parity report and export it again"
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """What the logits are of, in their order."""
        return self.outcome.classes

    @cached_property
    def called(self) -> Ints:
        """The class each window is called, `(window,)`."""
        called: Ints = self.logits.argmax(axis=1).astype(np.int64)
        return called

    @cached_property
    def scored(self) -> Flags:
        """Which windows count: all that have a label."""
        return np.asarray(self.label != UNSCORED)

    @cached_property
    def right(self) -> Flags:
        """Which windows are called as the reference says; unscored ones never are."""
        return np.asarray(self.called == self.label)

    def same_windows(self, other: "Predictions") -> bool:
        """Whether both answered the very same test windows in the same order."""
        return self.classes == other.classes and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("label", "record", "patient", "sample")
        )

    @classmethod
    def of(cls, *, logits: Any, label: Any, record: Any, patient: Any, sample: Any, outcome: Outcome) -> "Predictions":
        """Predictions from any arrays; what must be integers is checked to be."""
        named = {"label": label, "record": record, "patient": patient, "sample": sample}
        for name, values in named.items():
            if np.asarray(values).dtype.kind not in "iu":
                raise RefusedError(f"{name} holds {np.asarray(values).dtype} values, not integers: prepare again")
        integers = {name: np.asarray(values, dtype=np.int64) for name, values in named.items()}
        return cls(np.asarray(logits, dtype=np.float64), **integers, outcome=outcome)

    @classmethod
    def read(cls, path: Path, outcome: Outcome) -> "Predictions":
        """Predictions from a `predictions.safetensors`."""
        arrays = tensors.load(path)
        names = ("logits", "label", "record", "patient", "sample")
        missing = [name for name in names if name not in arrays]
        if missing:
            raise RefusedError(f"{path}: no {', '.join(missing)} in it; evaluate the deployment again")
        return cls.of(**{name: arrays[name] for name in names}, outcome=outcome)
