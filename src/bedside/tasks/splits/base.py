"""The family of splits: which records go where, always whole patients."""

import abc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import ClassVar

from bedside import tasks
from bedside.datasets.reading import Entry
from bedside.plugins import Plugin

NAMES = ("train", "validation", "calibration", "test")


@dataclass(frozen=True)
class Assignment:
    """Records of each split, and why each other record is in none."""

    splits: dict[str, list[str]]
    left_out: dict[str, str] = field(default_factory=dict)


class Split(Plugin, abc.ABC):
    """A rule that gives every record to one split or says why not."""

    elsewhere: ClassVar[tuple[ModuleType, ...]] = (tasks,)  # a rule for one data set lies with its task

    @abc.abstractmethod
    def assign(self, patients: Mapping[str, str]) -> Assignment:
        """Divide the records of `{record: patient}`."""

    def divide(self, entries: Iterable[Entry]) -> Assignment:
        """Divide rows of records.json; a split that asks for more than patients looks at them itself."""
        return self.assign({str(entry["record"]): str(entry["patient"]) for entry in entries})

    def objections(self, source: str) -> list[str]:  # noqa: ARG002  # most splits take any
        """Why the recordings of a source with this label cannot be divided so, a sentence each."""
        return []
