"""The family of tasks: a clinical problem, from one recording to labelled windows."""

import abc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bedside.datasets.base import Source
from bedside.datasets.inputs import Arrays, Shapes, concatenated
from bedside.datasets.layouts import ANNOTATED, Layout
from bedside.datasets.reading import Entry
from bedside.outcome import Outcome
from bedside.plugins import Choice, Plugin
from bedside.tasks.splits.base import Split


@dataclass(frozen=True)
class RecordWindows:
    """All windows of one recording: `inputs` by name (window, *shape), in the order in which graphs take them, `label`
    and `sample` (window,), and the digests of the raw windows that prove what is in a split.
    """

    inputs: Arrays
    label: NDArray[np.int64]
    sample: NDArray[np.int64]
    digests: frozenset[bytes]


def joined(parts: Sequence[RecordWindows]) -> RecordWindows:
    """All windows of several views of one recording."""
    return RecordWindows(
        inputs=concatenated([p.inputs for p in parts]),
        label=np.concatenate([p.label for p in parts]),
        sample=np.concatenate([p.sample for p in parts]),
        digests=frozenset().union(*(p.digests for p in parts)),
    )


@dataclass(frozen=True)
class Fitted:
    """Windows by record, and what was learned to make them so, for dataset.json."""

    windows: Mapping[str, RecordWindows]
    about: Mapping[str, Any]


class Task(Plugin, abc.ABC):
    """One clinical problem; its fields say how windows are cut and labelled and how patients are split."""

    reads: ClassVar[tuple[Layout, ...]] = (ANNOTATED,)

    split: Choice[Split]

    @abc.abstractmethod
    def windows(self, folder: Path, entry: Entry, training: bool) -> RecordWindows:
        """Cut and label the recording of a row of records.json; label -1 is a window that only the test set counts and
        nothing scores.

        `training` windows may be more than one per event (other leads, say); all others are one per event.
        """

    def left_out(self, folder: Path, entries: Iterable[Entry]) -> Mapping[str, str]:  # noqa: ARG002  # for those who look
        """Recordings that belong in no split for what they hold, and why."""
        return {}

    def objections(self, source: Source) -> list[str]:
        """Why windows cannot be cut from this source's recordings, a sentence each: asked before anything runs."""
        if source.layout in self.reads:
            return self.split.objections(source.label)
        readable = " or ".join(layout.name for layout in self.reads)
        return [f"kind: {self.kind} reads {readable}, and source.kind {source.kind} gives {source.layout.name}"]

    def fitted(self, done: Mapping[str, RecordWindows], train: Sequence[str]) -> "Fitted":  # noqa: ARG002
        """The windows `done` of all records after what is learned from those of the records to `train` on (a scale,
        say), and what a reader of dataset.json must know of it; most tasks learn nothing here.
        """
        return Fitted(done, {})

    def shapes(self, source: Source) -> Shapes | None:  # noqa: ARG002  # for those whose windows follow from it
        """Of a window's inputs, where that is known before there are any: `bedside check` tries networks on it."""
        return None

    @property
    @abc.abstractmethod
    def outcome(self) -> Outcome:
        """What is decided, in which words, and how answers are counted (`bedside.evaluation.counts`).

        Everything after `prepare` knows the task by this alone. A task whose answers no `Outcome` can count (events
        with a beginning and an end, say) would name its scorer here, as one more field of it.
        """

    @abc.abstractmethod
    def description(self) -> dict[str, Any]:
        """What else a reader of dataset.json must know: `sampling_rate` and the like."""
