"""The family of sources: where recordings come from."""

import abc
from pathlib import Path

import pydantic

from bedside.datasets.recording import Header
from bedside.plugins import Plugin


class Source(Plugin, abc.ABC):
    """Recordings in WFDB format; every header must say `rate` (Hz), `gain` (ADC units per `units`) and `units`."""

    rate: pydantic.PositiveFloat = 360.0
    gain: pydantic.PositiveFloat = 200.0
    units: str = "mV"

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """What everything that is made from this source is labelled with."""

    @abc.abstractmethod
    def fetch(self, folder: Path) -> dict[str, str]:
        """Fill `folder` with `<record>.hea`, `.dat` and `.atr`; return the reason for each record it cannot have."""

    def same_person(self) -> dict[str, str]:
        """Records that are another recording of a person: `{record: patient}`; every other record is a patient."""
        return {}

    def mismatches(self, header: Header) -> list[str]:
        """Where a header says another rate, gain or unit than this source publishes, one sentence each."""
        found = [] if header.rate == self.rate else [f"rate is {header.rate:g} Hz, not {self.rate:g}"]
        for lead in header.leads:
            if lead.gain != self.gain:
                found.append(f"{lead.name}: gain is {lead.gain:g}, not {self.gain:g} per {self.units}")
            if lead.units != self.units:
                found.append(f"{lead.name}: unit is {lead.units}, not {self.units}")
        return found
