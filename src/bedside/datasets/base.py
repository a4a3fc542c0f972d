"""The family of sources: where recordings come from."""

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pydantic

from bedside.datasets.layouts import Layout
from bedside.plugins import Plugin

Name = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # becomes a folder and a label
Row = dict[str, Any]  # of records.json: `record`, `patient`, and what the source knows beside them


class Source(Plugin, abc.ABC):
    """Recordings of patients, each in files of its `layout`."""

    layout: ClassVar[Layout]

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """What everything that is made from this source is labelled with."""

    @abc.abstractmethod
    def fetch(self, folder: Path) -> dict[str, str]:
        """Fill `folder` with the files of each record; return the reason for each record it cannot have."""

    @abc.abstractmethod
    def describe(self, folder: Path, record: str) -> Row:
        """What a reader of records.json must know of a record, after a look at its files: `fs` and `samples`, say.

        RecordingError for a record that is not fit for use.
        """

    def patient(self, record: str) -> str:
        """Whose recording it is; where a source does not know better, every record is a patient."""
        return record

    def premises(self, described: Sequence[Mapping[str, Any]]) -> dict[str, str]:  # noqa: ARG002  # most have none
        """Labels beside `source` that travel into the evidence: what of these rows was assumed and not measured."""
        return {}

    def objections(self) -> list[str]:
        """What speaks against it before anything runs, a sentence each, which begins with a parameter's name."""
        return []


def seconds(row: Mapping[str, Any]) -> float | None:
    """How long a recording is; None where its source does not know."""
    if "seconds" in row:
        return float(row["seconds"])
    return float(row["samples"] / row["fs"]) if {"samples", "fs"} <= row.keys() else None
