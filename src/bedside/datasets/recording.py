"""What a recording is: leads, samples in ADC units, annotations, and where they contradict each other.

A reader that trusts the file returns a flipped bit as a value: here every signal is compared with its header's
checksum and initial value (`differences`), and every annotation with the signal's length (`strays`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedside.errors import RefusedError

SUFFIXES = (".hea", ".dat", ".atr")
MILLIVOLTS = {"V": 1e3, "mV": 1.0, "uV": 1e-3, "\u00b5V": 1e-3, "\u03bcV": 1e-3, "nV": 1e-6}  # both kinds of micro
Samples = NDArray[np.int16]


class RecordingError(RefusedError):
    """A recording cannot be read; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Lead:
    """One signal line of a header; `gain` is in ADC units per `units` (0: not calibrated), `baseline` is the ADC value
    of zero. `bits` is how many a stored sample has, `resolution` and `zero` what the converter gave.
    """

    name: str
    gain: float
    units: str
    baseline: int
    format: str
    bits: int
    resolution: int
    zero: int
    initial: int | None
    checksum: int | None

    @property
    def rails(self) -> tuple[int, int]:
        """The ends of the converter: a sample at an end was cut off. `11` bits around `1024` give `(0, 2047)`.

        Where the lower end would be the mark of a missing sample, it is the value above it.
        """
        half = 1 << (self.resolution - 1)
        return max(self.zero - half, self.missing + 1), self.zero + half - 1

    @property
    def missing(self) -> int:
        """What marks a missing sample: the smallest value that the format can store."""
        return -1 << (self.bits - 1)


@dataclass(frozen=True)
class Header:
    """A record's header: `rate` in Hz, `samples` per lead (0 where it does not say), comments without their `#`."""

    record: str
    rate: float
    samples: int
    leads: tuple[Lead, ...]
    comments: tuple[str, ...]

    def index(self, lead: str) -> int:
        """Where the lead of this name is: by name, because a record may hold its leads in another order."""
        names = [each.name for each in self.leads]
        if lead not in names:
            there = ", ".join(names)
            raise RecordingError(f"{self.record}: no lead {lead!r}; it has {there}; name one, or leave the record out")
        return names.index(lead)


@dataclass(frozen=True)
class Annotations:
    """Annotations in time order: `sample` (annotation,) and `symbol` (annotation,), `<42>` for a code without one."""

    sample: NDArray[np.int64]
    symbol: NDArray[np.str_]


@dataclass(frozen=True)
class Recording:
    """Header, ADC values (sample, lead) and annotations; `assumed_gain` where one stands in for a gain of 0."""

    header: Header
    signal: Samples
    annotations: Annotations
    assumed_gain: float | None = None

    def problems(self) -> list[str]:
        """Where its files contradict each other, one sentence each; empty when all agree."""
        return differences(self.header, self.signal) + strays(self.header, self.annotations)


def millivolts(adc: Samples, lead: Lead) -> NDArray[np.float64]:
    """ADC values (sample,) of one lead in mV; a sample that is marked missing becomes NaN."""
    if lead.units not in MILLIVOLTS:
        raise RecordingError(f"{lead.name}: {lead.units!r} is no unit of voltage; known: {', '.join(MILLIVOLTS)}")
    values = (adc.astype(np.float64) - lead.baseline) / lead.gain * MILLIVOLTS[lead.units]
    return np.where(adc == lead.missing, np.nan, values)


def differences(header: Header, signal: Samples) -> list[str]:
    """Where `signal` (sample, lead) is not what its header says, one sentence per lead; empty when all agree."""
    found = []
    for lead, column in zip(header.leads, signal.T, strict=True):
        checksum = int(column.sum(dtype=np.int64).astype(np.int16))
        if lead.checksum is not None and checksum != int(np.int64(lead.checksum).astype(np.int16)):
            found.append(f"{lead.name}: checksum {checksum} differs from the header's {lead.checksum}")
        if lead.initial is not None and int(column[0]) != lead.initial:
            found.append(f"{lead.name}: first value {column[0]} differs from the header's {lead.initial}")
    return found


def strays(header: Header, annotations: Annotations) -> list[str]:
    """Annotations at a time that the signal does not have, in one sentence."""
    beyond = annotations.sample[annotations.sample >= header.samples]
    if not len(beyond):
        return []
    return [
        f"{len(beyond)} annotations lie beyond its end (up to sample {beyond.max()} of {header.samples}): they belong "
        "to another signal, or the signal was cut"
    ]
