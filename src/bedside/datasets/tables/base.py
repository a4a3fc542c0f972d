"""What sources of ready windows have in common: which column is what, and that the files are those that are stated."""

import abc
import re
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pydantic

from bedside.datasets.base import Name, Row, Source
from bedside.datasets.layouts import WINDOWS, Layout
from bedside.datasets.recording import RecordingError
from bedside.datasets.tables.files import Sha256, digest_of, found, objection
from bedside.datasets.tables.part import Part
from bedside.datasets.tables.records import about, load, write
from bedside.errors import RefusedError

ROLES = ("subject", "label", "record", "time", "split", "rate", "sex", "age_band")


class Tables(Source, abc.ABC):
    """Windows that are ready, one a row, in the file or the folder `path` (relative to the project).

    Which column (of NumPy: array) says whose a window is (`subject`), what it is (`label`), of which recording
    (`record`; none named: a subject has one), when it was (`time`: a number or an ISO 8601 date; none named: in the
    file's order), in which split its subject is (`split`), at which rate it was recorded in Hz (`rate`), and `sex` and
    `age_band` of the subject. `window_seconds` is how long a window is. `sha256` is the file's digest, or that of the
    folder, which a refusal without it prints. `name` is what all that is made from them is labelled with.
    """

    layout: ClassVar[Layout] = WINDOWS
    endings: ClassVar[tuple[str, ...]]

    path: str = pydantic.Field(min_length=1)
    sha256: Sha256 | None = None
    name: Name | None = None
    subject: str
    label_in: str | None = pydantic.Field(default=None, alias="label")
    record: str | None = None
    time: str | None = None
    split: str | None = None
    rate_in: str | None = pydantic.Field(default=None, alias="rate")
    sex: str | None = None
    age_band: str | None = None
    window_seconds: pydantic.PositiveFloat | None = None

    @abc.abstractmethod
    def read(self, file: Path) -> Part:
        """The rows of one file; RefusedError for a file that lacks a column or is none of its kind."""

    @property
    def label(self) -> str:
        own = self.name or re.sub(r"[^A-Za-z0-9._-]+", "-", Path(self.path).stem).strip("-") or "own"
        return f"{own}-{(self.sha256 or 'unstated')[:12]}"

    @property
    def roles(self) -> dict[str, str]:
        """The columns of texts by what they are."""
        fields = {"label": "label_in", "rate": "rate_in"}
        named = {role: getattr(self, fields.get(role, role)) for role in ROLES}
        return {role: column for role, column in named.items() if column is not None}

    def objections(self) -> list[str]:
        """A digest that is missing or another, or a path where nothing lies; what ingest would refuse."""
        try:
            files = found(self.path, *self.endings)
        except RefusedError as error:
            return [str(error)]
        told = objection(self.path, files, self.sha256)
        return [told] if told else []

    def fetch(self, folder: Path) -> dict[str, str]:
        for told in self.objections():
            raise RefusedError(f"source.{told}")
        files = found(self.path, *self.endings)
        parts = [self.read(file) for file in files]
        if digest_of(files) != self.sha256:
            raise RefusedError(f"source.path: {self.path} changed while it was read; run the stage again")
        return write(folder, parts)

    def describe(self, folder: Path, record: str) -> Row:
        texts, windows = about(folder, record), len(load(folder, record).row)
        known: Row = {role: texts[role] for role in ("split", "sex", "age_band") if role in texts}
        lasting = {} if self.window_seconds is None else {"seconds": windows * self.window_seconds}
        rate = {"fs": _rate(record, texts["rate"])} if "rate" in texts else {}
        counted = {} if texts["labels"] is None else {"labels": dict(sorted(Counter(texts["labels"]).items()))}
        return {
            "record": record,
            "patient": texts["subject"],
            **known,
            **rate,
            **lasting,
            **counted,
            "windows": windows,
        }


def _rate(record: str, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise RecordingError(f"{record}: its rate is no number of Hz above 0")
    return rate
