"""What a recording is: leads, samples in ADC units, annotations, and where they contradict each other.

A reader that trusts the file returns a flipped bit as a value: here every signal is compared with its header's
checksum and initial value (`differences`), and every annotation with the signal's length (`strays`).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bedside.errors import RefusedError

SUFFIXES = (".hea", ".dat", ".atr")
# What is read of one recording at most, so that a hostile file costs neither minutes nor the machine's memory:
# two days of two leads at 360 Hz are 124 million values (300 MB as 16-bit numbers), two weeks of beats 4 MB of
# annotations; a header is a few hundred bytes, and 1 MB with all the comments that anybody writes.
MOST_VALUES = 150_000_000
MOST_LEADS = 256
LARGEST = {".hea": 1 << 20, ".dat": 2 * MOST_VALUES, ".atr": 4 << 20}  # bytes
MILLIVOLTS = {"V": 1e3, "mV": 1.0, "uV": 1e-3, "\u00b5V": 1e-3, "\u03bcV": 1e-3, "nV": 1e-6}  # both kinds of micro
OTHER_UNITS = ("adu", "bpm", "l", "mmHg", "NU", "%")  # of what is recorded beside an ECG
Samples = NDArray[np.int16]
# Names of leads as devices give them. A header may have any text there, the name of a patient too.
KNOWN_LEAD = re.compile(
    r"M?L?I{1,3}|a?V[RLF]|M?V[1-9]R?|C[MCSB]\d|D[1-3]|[AESI]|ABP|ART|CVP|RESP|PPG|PLETH"
    r"|(ECG|EKG|CH|LEAD|MOD)[ _-]?\d{0,2}",
    re.IGNORECASE,
)


class RecordingError(RefusedError):
    """A recording cannot be read; the message names the file and what is wrong with it."""


def contents(file: Path) -> bytes:
    """All of a file that is no larger than its kind may be."""
    require_size(file.name, file.stat().st_size)
    return file.read_bytes()


def require_size(name: str, size: int) -> None:
    """RecordingError for more bytes than a recording's file of this name may have, before any of them is read."""
    most = LARGEST.get(Path(name).suffix)
    if most is not None and size > most:
        raise RecordingError(f"{name}: {size:,} bytes are more than the {most:,} that are read of such a file")


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
            there = ", ".join(shown(number, each) for number, each in enumerate(self.leads))
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
        name = lead.name if KNOWN_LEAD.fullmatch(lead.name) else "a lead"
        raise RecordingError(f"{name}: its unit is none of voltage; known: {', '.join(MILLIVOLTS)}")
    values = (adc.astype(np.float64) - lead.baseline) / lead.gain * MILLIVOLTS[lead.units]
    return np.where(adc == lead.missing, np.nan, values)


def shown(number: int, lead: Lead) -> str:
    """A lead as it may be told and recorded: by its name if that is one of a lead, else by its number from 0."""
    return shown_name(number, lead.name)


def shown_name(number: int, name: str) -> str:
    """`shown`, of a header's line that has no other use."""
    return name if KNOWN_LEAD.fullmatch(name) else f"lead {number}"


def shown_unit(lead: Lead) -> str:
    """Its unit as it may be told and recorded."""
    return lead.units if lead.units in {*MILLIVOLTS, *OTHER_UNITS} else "another"


def differences(header: Header, signal: Samples) -> list[str]:
    """Where `signal` (sample, lead) is not what its header says, one sentence per lead; empty when all agree."""
    found = []
    for number, (lead, column) in enumerate(zip(header.leads, signal.T, strict=True)):
        name = shown(number, lead)
        checksum = int(column.sum(dtype=np.int64).astype(np.int16))
        if lead.checksum is not None and checksum != int(np.int64(lead.checksum).astype(np.int16)):
            found.append(f"{name}: checksum {checksum} differs from the header's {lead.checksum}")
        if lead.initial is not None and int(column[0]) != lead.initial:
            found.append(f"{name}: first value {column[0]} differs from the header's {lead.initial}")
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
