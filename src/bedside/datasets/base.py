"""The family of sources: where recordings come from."""

import abc
from pathlib import Path

import pydantic

from bedside.datasets.recording import Header, shown, shown_unit
from bedside.plugins import Plugin


class Source(Plugin, abc.ABC):
    """Recordings in WFDB format; every header must say `rate` (Hz), `units`, and `gain` (ADC units per `units`) if one
    is named. `uncalibrated_gain` stands in for a gain of 0, which is "not calibrated"; without it such a record is
    refused.
    """

    rate: pydantic.PositiveFloat = 360.0
    gain: pydantic.PositiveFloat | None = 200.0
    units: str = "mV"
    uncalibrated_gain: float | None = pydantic.Field(default=None, gt=0)

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """What everything that is made from this source is labelled with."""

    @abc.abstractmethod
    def fetch(self, folder: Path) -> dict[str, str]:
        """Fill `folder` with `<record>.hea`, `.dat` and `.atr`; return the reason for each record it cannot have."""

    def patient(self, record: str) -> str:
        """Whose recording it is; where a source does not know better, every record is a patient."""
        return record

    def mismatches(self, header: Header) -> list[str]:
        """Where a header says another rate, gain or unit than this source publishes, one sentence each."""
        found = [] if header.rate == self.rate else [f"rate is {header.rate:g} Hz, not {self.rate:g}"]
        for number, lead in enumerate(header.leads):
            name = shown(number, lead)
            if self.gain is not None and lead.gain != self.gain:
                found.append(f"{name}: gain is {lead.gain:g}, not {self.gain:g} per {self.units}")
            if lead.units != self.units:
                found.append(f"{name}: unit is {shown_unit(lead)}, not {self.units}")
        return found
