"""Where the label of an epoch comes from: the record's name, a table of records, or annotations in the file."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic

from bedside.datasets.tables.files import Sha256, found, objection
from bedside.datasets.tables.records import about
from bedside.errors import RefusedError
from bedside.params import ClassName, Params
from bedside.tasks.declared import Label

Names = Mapping[str, str | None]


class Table(Params):
    """A CSV at `path` with a row a record: the columns `record` and `label`; `labels` says which class a text means, or
    null for a record that nothing scores. `sha256` is the file's digest, which a refusal without it prints.
    """

    path: str
    sha256: Sha256 | None = None
    record: str = "record"
    label: str = "label"
    labels: dict[Label, ClassName | None] = pydantic.Field(min_length=1)

    def objections(self) -> list[str]:
        """A digest that is missing or another, or no file."""
        try:
            told = objection(self.path, found(self.path), self.sha256)
        except RefusedError as error:
            return [f"by_table.{error}"]
        return [f"by_table.{told}"] if told else []

    def of(self, record: str) -> str | None:
        """The class of a record; RefusedError for one that the table does not have, has twice or calls otherwise."""
        for told in self.objections():
            raise RefusedError(f"task.{told}")
        texts = {row[self.label].strip() for row in self._rows() if row[self.record].strip() == record}
        if len(texts) != 1:
            raise RefusedError(f"{record} has {len(texts)} labels in {self.path}; one is needed")
        return named(f"{record} in {self.path}", texts.pop(), self.labels, "by_table.labels")

    def _rows(self) -> list[dict[str, Any]]:
        (file,) = found(self.path)
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened))
        if rows and (missing := [name for name in (self.record, self.label) if name not in rows[0]]):
            raise RefusedError(f"{self.path}: no column {', '.join(missing)}; there are {', '.join(rows[0])}")
        return rows


def by_name(record: str, patterns: Names) -> str | None:
    """The class of a record by the one pattern that its name fits."""
    fitting = [pattern for pattern in patterns if re.search(pattern, record)]
    if len(fitting) != 1:
        raise RefusedError(
            f"{record} fits {len(fitting)} patterns of task.by_record ({', '.join(patterns)}); one is needed"
        )
    return patterns[fitting[0]]


def named(what: str, text: str, names: Names, where: str) -> str | None:
    """The class that a text means, or the refusal with the known ones."""
    if text not in names:
        known = ", ".join(map(repr, names))
        raise RefusedError(
            f"{what}: the label {text!r} is not known to the task; known are {known}. Say in task.{where} which class "
            "it means, or null"
        )
    return names[text]


def by_annotation(folder: Path, record: str, middles: Sequence[float], names: Names) -> list[str | None]:
    """The class of each epoch by the annotation that lasts at its middle (epoch,) in s; None where none does.

    One without a duration lasts until the next; one that means no class and has no duration is a mark, and skipped.
    """
    told = sorted(_annotations(folder, record), key=lambda each: each[0])
    spans = [(on, lasting, named(record, text, names, "by_annotation")) for on, lasting, text in told]
    kept = [span for span in spans if span[1] > 0 or span[2] is not None]
    begins = [*(on for on, _, _ in kept), float("inf")]
    over = [
        (on, on + lasting if lasting > 0 else then, name)
        for (on, lasting, name), then in zip(kept, begins[1:], strict=True)
    ]
    return [next((name for on, end, name in reversed(over) if on <= at < end), None) for at in middles]


def _annotations(folder: Path, record: str) -> list[tuple[float, float, str]]:
    try:
        return [(on, lasting, text) for on, lasting, text in about(folder, record)["annotations"]]
    except FileNotFoundError:
        raise RefusedError(
            f"{record} has no annotations that are texts; label it by task.by_record or by_table"
        ) from None
