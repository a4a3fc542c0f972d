"""Sources of recordings in WFDB format: what a header must say, and what is written down of it."""

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pydantic

from bedside.datasets.base import Row, Source
from bedside.datasets.layouts import ANNOTATED, Layout
from bedside.datasets.people import describe
from bedside.datasets.reading import read
from bedside.datasets.recording import Header, RecordingError, shown, shown_unit


class Waveforms(Source, abc.ABC):
    """Every header must say `rate` (Hz), `units`, and `gain` (ADC units per `units`), where these are named.

    `uncalibrated_gain` stands in for a gain of 0, which is "not calibrated"; without it such a record is refused.
    """

    layout: ClassVar[Layout] = ANNOTATED

    rate: pydantic.PositiveFloat | None = 360.0
    gain: pydantic.PositiveFloat | None = 200.0
    units: str = "mV"
    uncalibrated_gain: float | None = pydantic.Field(default=None, gt=0)

    def describe(self, folder: Path, record: str) -> Row:
        """The row after the header, the signal and the annotations have been checked."""
        recording = read(folder, {"record": record, "assumed_gain": self.uncalibrated_gain})
        header = recording.header
        if problems := self.mismatches(header) + recording.problems():
            raise RecordingError("; ".join(problems))
        assumed = {} if recording.assumed_gain is None else {"assumed_gain": recording.assumed_gain}
        return {
            "record": record,
            "patient": self.patient(record),
            **describe(header),
            **assumed,
            "fs": header.rate,
            "leads": [shown(number, lead) for number, lead in enumerate(header.leads)],
            "samples": header.samples,
        }

    def premises(self, described: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Amplitudes that nobody measured are a premise of what is shown with them."""
        gains = [each["assumed_gain"] for each in described if "assumed_gain" in each]
        return {"assumed_gain": f"{gains[0]:g} in {len(gains)} of {len(described)} recordings"} if gains else {}

    def mismatches(self, header: Header) -> list[str]:
        """Where a header says another rate, gain or unit than this source publishes, one sentence each."""
        found = []
        if self.rate is not None and header.rate != self.rate:
            found.append(f"rate is {header.rate:g} Hz, not {self.rate:g}")
        for number, lead in enumerate(header.leads):
            name = shown(number, lead)
            if self.gain is not None and lead.gain != self.gain:
                found.append(f"{name}: gain is {lead.gain:g}, not {self.gain:g} per {self.units}")
            if lead.units != self.units:
                found.append(f"{name}: unit is {shown_unit(lead)}, not {self.units}")
        return found
