"""Windows that are ready, of any signal: their classes and the words for them are parameters."""

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from bedside.datasets.layouts import WINDOWS, Layout
from bedside.datasets.reading import Entry
from bedside.datasets.tables.records import Record, load
from bedside.errors import RefusedError
from bedside.outcome import Outcome
from bedside.params import ClassName
from bedside.plugins import Choice
from bedside.tasks.base import Fitted, RecordWindows, Task
from bedside.tasks.splits.base import Split
from bedside.tasks.splits.by_share import ByShare
from bedside.tasks.windows.proof import digests
from bedside.tasks.windows.scale import Scale

Ints = NDArray[np.int64]


def _as_text(key: object) -> object:
    """YAML takes 0 for a number and `no` for false; in a table both are texts, and only the former is meant."""
    if isinstance(key, bool):
        raise ValueError(f"YAML takes this label for {str(key).lower()}; put it in quotes")
    return str(key) if isinstance(key, int) else key


Label = Annotated[str, pydantic.BeforeValidator(_as_text)]


class ReadyWindows(Task, abc.ABC):
    """One window a row, with its `outcome` as a parameter; a subclass says what each window is.

    `scale: training` gives every channel (or feature: every entry of the first axis) the mean 0 and the deviation 1 of
    the training windows, which are constants that a device can apply; `none` leaves the numbers as they are.
    """

    reads: ClassVar[tuple[Layout, ...]] = (WINDOWS,)

    decided: Outcome = pydantic.Field(alias="outcome")
    split: Choice[Split] = ByShare()
    scale: Literal["training", "none"] = "training"

    @property
    def outcome(self) -> Outcome:
        return self.decided

    @abc.abstractmethod
    def classes(self, record: Record) -> Sequence[str | None]:
        """The class of each window of a record, or None for one that nothing scores."""

    def windows(self, folder: Path, entry: Entry, training: bool) -> RecordWindows:  # noqa: ARG002  # all alike
        record = load(folder, str(entry["record"]))
        return RecordWindows(record.inputs, self._indices(record), record.row, digests(record.inputs))

    def fitted(self, done: Mapping[str, RecordWindows], train: Sequence[str]) -> Fitted:
        if self.scale == "none":
            return Fitted(done, {})
        scale = Scale.of([done[record] for record in train])
        return Fitted(
            {record: scale.applied(windows) for record, windows in done.items()}, {"scale": scale.described()}
        )

    def description(self) -> dict[str, Any]:
        return {}

    def _indices(self, record: Record) -> Ints:
        told = self.classes(record)
        if len(told) != len(record.row):
            raise RefusedError(f"{record.name}: the task {self.kind} gives {len(told)} labels, not {len(record.row)}")
        known = {name: index for index, name in enumerate(self.decided.classes)} | {None: -1}
        if unknown := {name for name in told if name not in known}:
            raise RefusedError(
                f"{record.name}: the task {self.kind} calls a window {min(map(str, unknown))!r}; its classes are "
                f"{', '.join(self.decided.classes)}"
            )
        return np.array([known[name] for name in told], dtype=np.int64)


class Windows(ReadyWindows):
    """What each window is stands in the table: `labels` says which class a text means, and null that nobody scores it.

    Where no `labels` are given, the texts are the classes.
    """

    kind: Literal["windows"] = "windows"
    labels: dict[Label, ClassName | None] | None = None

    @pydantic.model_validator(mode="after")
    def _labels_are_classes(self) -> Self:
        for text, name in (self.labels or {}).items():
            if name is not None and name not in self.decided.classes:
                raise ValueError(f"labels.{text}: no class {name!r}; there are {', '.join(self.decided.classes)}")
        return self

    def classes(self, record: Record) -> Sequence[str | None]:
        if record.labels is None:
            raise RefusedError("source.label names no column, so the task windows knows no label; name it")
        known = {name: name for name in self.decided.classes} if self.labels is None else self.labels
        if unknown := next((at for at, text in enumerate(record.labels) if text not in known), None):
            raise self._unknown(record, unknown, known)
        return [known[text] for text in record.labels]

    def _unknown(self, record: Record, at: int, known: Mapping[str, str | None]) -> RefusedError:
        return RefusedError(
            f"record {record.name}, row {record.row[at]}: the label {record.labels[at]!r} is not known to the task; "
            f"known are {', '.join(map(repr, known))}. Say in task.labels which class it means, or null"
        )
