"""A split that is given: in a column of the source's table, or as lists of records."""

import typing
from collections.abc import Iterable, Mapping
from typing import Literal, Self

import pydantic

from bedside.datasets.reading import Entry
from bedside.errors import RefusedError
from bedside.tasks.splits.base import NAMES, Assignment, Split

Named = Literal["train", "validation", "calibration", "test"]
SAME: tuple[Named, ...] = typing.get_args(Named)  # texts that mean the split of that name


class Given(Split):
    """The records of each split as lists (`records`), or the text that the source read for each record (its parameter
    `split`), which `names` may translate: `{val: validation, pilot: null}`; null is no split.
    """

    kind: Literal["given"] = "given"
    records: dict[Named, tuple[str, ...]] | None = None
    names: dict[str, Named | None] = pydantic.Field(default=dict(zip(SAME, SAME, strict=True)))

    @pydantic.model_validator(mode="after")
    def _in_one_list(self) -> Self:
        every = [record for records in (self.records or {}).values() for record in records]
        if twice := sorted({record for record in every if every.count(record) > 1}):
            raise ValueError(f"records: {', '.join(twice)} is listed twice; one patient, one split")
        return self

    def assign(self, patients: Mapping[str, str]) -> Assignment:
        if self.records is None:
            raise RefusedError("task.split: given needs `records`, or a source whose `split` names a column")
        homes = {record: name for name, records in self.records.items() for record in records}
        if gone := sorted(homes.keys() - patients.keys()):
            raise RefusedError(
                f"task.split.records: {', '.join(gone)} is not among the accepted recordings; take it out"
            )
        return _by_home(patients, {record: homes.get(record) for record in patients})

    def divide(self, entries: Iterable[Entry]) -> Assignment:
        rows = {str(entry["record"]): entry for entry in entries}
        if self.records is not None:
            return super().divide(rows.values())
        if silent := next((record for record, row in rows.items() if "split" not in row), None):
            raise RefusedError(
                f"the source says no split of {silent}; name its column in source.split, or task.split.records"
            )
        if unknown := next((r for r, row in rows.items() if row["split"] not in self.names), None):
            raise RefusedError(
                f"{unknown} is in the split {rows[unknown]['split']!r}; known are {', '.join(self.names)}. Say in "
                "task.split.names which split it means, or null"
            )
        patients = {record: str(row["patient"]) for record, row in rows.items()}
        return _by_home(patients, {record: self.names[row["split"]] for record, row in rows.items()})


def _by_home(patients: Mapping[str, str], homes: Mapping[str, str | None]) -> Assignment:
    """The assignment, or the refusal that names the patient who is in two splits."""
    first: dict[str, str] = {}
    for record in sorted(record for record, home in homes.items() if home is not None):
        other = first.setdefault(patients[record], record)
        if homes[other] != homes[record]:
            raise RefusedError(
                f"subject {patients[record]} is in {homes[other]} ({other}) and in {homes[record]} ({record}); a "
                "person is in one split: a network would be judged on whom it has learned from"
            )
    splits = {name: sorted(record for record, home in homes.items() if home == name) for name in NAMES}
    return Assignment(splits, {record: "in no split" for record in sorted(homes) if homes[record] is None})
