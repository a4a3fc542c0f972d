"""Recordings in WFDB format: strict header, format-212 signals and MIT annotations, read with numpy alone.

A reader that trusts the file returns a flipped bit as a value: here every signal is compared with its header's
checksum, initial value and length (`differences`). Formats: https://wfdb.io/spec, pages header-files, signal-files and
annotation-files.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bedside.errors import RefusedError

SUFFIXES = (".hea", ".dat", ".atr")
INVALID = -2048  # format 212 marks a missing sample with its smallest value
_SKIP, _NUM, _SUB, _CHN, _AUX = 59, 60, 61, 62, 63
# Annotation codes 0 to 41 of the MIT format; a space has no meaning, and no code above 41 has one either.
SYMBOLS = ' NLRaVFJASEj/Q~ | sT*D"=pB^t+u?![]en@xf()r'
_RECORD = re.compile(r"(?P<record>[\w-]+) (?P<leads>\d+) (?P<rate>[\d.]+) (?P<samples>\d+)(?: .*)?")
_SIGNAL = re.compile(
    r"(?P<file>\S+) (?P<format>\d+) (?P<gain>-?[\d.]+(?:e[+-]?\d+)?)(?:\((?P<baseline>-?\d+)\))?(?:/(?P<units>\S+))?"
    r" \d+ (?P<zero>-?\d+) (?P<initial>-?\d+) (?P<checksum>-?\d+) \d+ (?P<name>.+)"
)


class RecordingError(RefusedError):
    """A recording cannot be read; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Lead:
    """One signal line of a header; `gain` is in ADC units per `units`, `baseline` is the ADC value of zero."""

    name: str
    gain: float
    units: str
    baseline: int
    initial: int
    checksum: int


@dataclass(frozen=True)
class Header:
    """A record's header: `rate` in Hz, `samples` per lead, comments without their `#`."""

    record: str
    rate: float
    samples: int
    leads: tuple[Lead, ...]
    comments: tuple[str, ...]

    def index(self, lead: str) -> int:
        """Where the lead of this name is: by name, because a record may hold its leads in another order."""
        names = [each.name for each in self.leads]
        if lead not in names:
            raise RecordingError(f"{self.record}: no lead {lead!r}; it has {', '.join(names)}")
        return names.index(lead)


@dataclass(frozen=True)
class Annotations:
    """Annotations in time order: `sample` (annotation,) and `symbol` (annotation,), `<42>` for an undefined code."""

    sample: NDArray[np.int64]
    symbol: NDArray[np.str_]


def read_header(file: Path) -> Header:
    """Read a `.hea` of one segment in format 212; anything else is a `RecordingError`."""
    lines = file.read_text(encoding="latin-1").splitlines()
    comments = tuple(line[1:].strip() for line in lines if line.startswith("#"))
    first, *signals = [line.strip() for line in lines if line.strip() and not line.startswith("#")] or [""]
    match = _RECORD.fullmatch(first)
    if not match or int(match["leads"]) != len(signals):
        raise RecordingError(f"{file.name}: not the header of a one-segment record: {first!r}")
    if match["record"] != file.stem:
        raise RecordingError(f"{file.name}: is the header of record {match['record']}")
    leads = tuple(_lead(file, line) for line in signals)
    return Header(match["record"], float(match["rate"]), int(match["samples"]), leads, comments)


def read_signal(folder: Path, header: Header) -> NDArray[np.int16]:
    """ADC values (sample, lead) of `<record>.dat`; its size must be what the header says."""
    file = folder / f"{header.record}.dat"
    raw = np.frombuffer(file.read_bytes(), dtype=np.uint8)
    values = header.samples * len(header.leads)
    if len(raw) != (expected := (values * 3 + 1) // 2):
        raise RecordingError(f"{file.name}: {len(raw)} bytes, but its header promises {expected}; truncated or altered")
    return _unpack_212(raw, values).reshape(header.samples, len(header.leads))


def millivolts(adc: NDArray[np.int16], lead: Lead) -> NDArray[np.float64]:
    """ADC values (sample,) of one lead in mV; a sample that is marked missing becomes NaN."""
    return np.where(adc == INVALID, np.nan, (adc.astype(np.float64) - lead.baseline) / lead.gain)


def differences(header: Header, signal: NDArray[np.int16]) -> list[str]:
    """Where `signal` (sample, lead) is not what its header says, one sentence per lead; empty when all agree."""
    found = []
    for lead, column in zip(header.leads, signal.T, strict=True):
        checksum = int(column.sum(dtype=np.int64).astype(np.int16))
        if checksum != np.int64(lead.checksum).astype(np.int16):
            found.append(f"{lead.name}: checksum {checksum} differs from the header's {lead.checksum}")
        if int(column[0]) != lead.initial:
            found.append(f"{lead.name}: first value {column[0]} differs from the header's {lead.initial}")
    return found


def read_annotations(file: Path) -> Annotations:
    """Read an annotation file in MIT format to its end mark; a file without one is a `RecordingError`."""
    raw = file.read_bytes()
    words: list[int] = np.frombuffer(raw[: len(raw) // 2 * 2], dtype="<u2").tolist()
    samples, codes, time, position = [], [], 0, 0
    while position < len(words) and words[position] != 0:
        code, interval = words[position] >> 10, words[position] & 0x3FF
        position += 1
        if code == _SKIP and position + 1 < len(words):
            skipped = words[position] << 16 | words[position + 1]
            time += skipped - (1 << 32) * (skipped >> 31)
            position += 2
        elif code == _AUX:
            position += (interval + 1) // 2
        elif code not in (_SKIP, _NUM, _SUB, _CHN):
            time += interval
            samples.append(time)
            codes.append(code)
    if position >= len(words):
        raise RecordingError(f"{file.name}: ends without its end mark; truncated")
    symbols = [SYMBOLS[c] if c < len(SYMBOLS) and SYMBOLS[c] != " " else f"<{c}>" for c in codes]
    return Annotations(np.array(samples, dtype=np.int64), np.array(symbols, dtype=np.str_))


def _lead(file: Path, line: str) -> Lead:
    match = _SIGNAL.fullmatch(line)
    if not match or match["format"] != "212":
        raise RecordingError(f"{file.name}: not a signal in format 212: {line!r}")
    if match["file"] != f"{file.stem}.dat":
        raise RecordingError(f"{file.name}: its signal is in {match['file']!r}, not in {file.stem}.dat")
    if float(match["gain"]) == 0:
        raise RecordingError(f"{file.name}: {match['name']} has no gain, so its unit is unknown")
    return Lead(
        name=match["name"],
        gain=float(match["gain"]),
        units=match["units"] or "mV",
        baseline=int(match["baseline"] or match["zero"]),
        initial=int(match["initial"]),
        checksum=int(match["checksum"]),
    )


def _unpack_212(raw: NDArray[np.uint8], values: int) -> NDArray[np.int16]:
    """Two 12-bit two's complement values from every three bytes."""
    packed = np.zeros(-(-len(raw) // 3) * 3, dtype=np.int16)
    packed[: len(raw)] = raw
    low, middle, high = packed.reshape(-1, 3).T
    pairs = np.stack([low | (middle & 0x0F) << 8, high | (middle & 0xF0) << 4], axis=1).reshape(-1)[:values]
    return np.asarray(pairs - (pairs >> 11 << 12), dtype=np.int16)
