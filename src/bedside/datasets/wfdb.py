"""Any set of recordings in WFDB format with beat annotations: PhysioNet's, or a hospital's own."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import pydantic

from bedside.datasets.base import Name
from bedside.datasets.conversion import convert
from bedside.datasets.people_of_records import SubjectPattern, subject_of
from bedside.datasets.published import Published
from bedside.datasets.recording import RecordingError


class Wfdb(Published):
    """What the headers must say (`units`, and `rate` and `gain` if all have one) and who vouches for the files.

    The label of everything that is made from it is `<name>-<version>`. `sums_sha256: null` trusts the list of digests
    that is found. `subject` is a regular expression that finds the subject in a record's name, in its group if it has
    one; `same_person` goes before it.
    """

    kind: Literal["wfdb"] = "wfdb"
    name: Name
    version: Name
    rate: pydantic.PositiveFloat | None = None
    gain: pydantic.PositiveFloat | None = None
    subject: SubjectPattern | None = None

    @pydantic.model_validator(mode="after")
    def _records_are_a_pattern(self) -> Self:
        if isinstance(self.records, str):
            try:
                re.compile(self.records)
            except re.error as error:
                raise ValueError(f"records: {self.records!r} is no regular expression ({error})") from None
        return self

    def fetch(self, folder: Path) -> dict[str, str]:
        reasons = super().fetch(folder)
        for header in sorted(folder.glob("*.hea")):
            try:
                convert(folder, header.stem)
            except RecordingError as error:
                reasons.setdefault(header.stem, str(error))
        return reasons

    def patient(self, record: str) -> str:
        if record in self.same_person:
            return self.same_person[record]
        who = subject_of(record, self.subject)
        if who is None:
            raise RecordingError(f"{record}: source.subject finds no subject in its name")
        return who

    def premises(self, described: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Another annotator than the reference's may be a program, whose opinion the evidence would then rest on."""
        other = {} if self.annotator == "atr" else {"annotator": self.annotator}
        return {**super().premises(described), **other}
