"""Windows that are ready, of any signal: their classes and the words for them are parameters."""

import abc
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import pydantic

from bedside.datasets.base import Source
from bedside.datasets.inputs import Shapes
from bedside.datasets.layouts import WINDOWS, Layout
from bedside.datasets.reading import Entry
from bedside.datasets.tables.records import Record, load
from bedside.errors import RefusedError
from bedside.params import ClassName
from bedside.tasks.base import RecordWindows
from bedside.tasks.declared import Declared, Label, expect_classes
from bedside.tasks.windows.proof import digests


class ReadyWindows(Declared, abc.ABC):
    """One window a row; a subclass says what each of them is."""

    reads: ClassVar[tuple[Layout, ...]] = (WINDOWS,)

    @abc.abstractmethod
    def classes(self, record: Record) -> Sequence[str | None]:
        """The class of each window of a record, or None for one that nothing scores."""

    def shapes(self, source: Source) -> Shapes | None:
        stated = getattr(source, "inputs", {})  # of tables
        return {name: tuple(each.shape) for name, each in stated.items()} or None

    def windows(self, folder: Path, entry: Entry, training: bool) -> RecordWindows:  # noqa: ARG002  # all alike
        record = load(folder, str(entry["record"]))
        label = self.indices(record.name, len(record.row), self.classes(record))
        return RecordWindows(record.inputs, label, record.row, digests(record.inputs))


class Windows(ReadyWindows):
    """What each window is stands in the table: `labels` says which class a text means, and null that nobody scores it.

    Where no `labels` are given, the texts are the classes.
    """

    kind: Literal["windows"] = "windows"
    labels: dict[Label, ClassName | None] | None = None

    @pydantic.model_validator(mode="after")
    def _labels_are_classes(self) -> Self:
        expect_classes("labels", self.labels or {}, self.decided)
        return self

    def classes(self, record: Record) -> Sequence[str | None]:
        if record.labels is None:
            raise RefusedError("source.label names no column, so the task windows knows no label; name it")
        same: dict[str, str | None] = {name: name for name in self.decided.classes}
        known: Mapping[str, str | None] = same if self.labels is None else self.labels
        if unknown := next((at for at, text in enumerate(record.labels) if text not in known), None):
            raise _unknown(f"record {record.name}, row {record.row[unknown]}", record.labels[unknown], known)
        return [known[text] for text in record.labels]


def _unknown(where: str, label: str, known: Iterable[str]) -> RefusedError:
    return RefusedError(
        f"{where}: the label {label!r} is not known to the task; known are {', '.join(map(repr, known))}. Say in "
        "task.labels which class it means, or null"
    )
