"""Headers in WFDB format, of one segment: https://wfdb.io/spec, page header-files. Optional fields may be absent."""

import math
import re
from pathlib import Path

from bedside.datasets.recording import MOST_LEADS, Header, Lead, RecordingError, contents, shown_name
from bedside.datasets.samples import FORMATS

RATE = "250"  # what the specification says a header means that names none
CHECKSUM = (-(1 << 15), (1 << 16) - 1)  # 16 bits, with a sign as the format has it or without
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_GAIN = re.compile(rf"(?P<gain>{_NUMBER})(?:\((?P<baseline>[^()]*)\))?(?:/(?P<units>\S+))?")
_FORMAT = re.compile(r"(?P<format>[0-9]+)(?:x(?P<frame>[0-9]+))?(?::(?P<skew>[0-9]+))?(?:\+(?P<offset>[0-9]+))?")


def read_header(file: Path) -> Header:
    """Read a `.hea`; what cannot be read is a `RecordingError` that names the file and the field.

    It never quotes the file: the text in a field's place may be the name or the birthday of a patient.
    """
    try:
        return _header(file.stem, [line.strip() for line in re.split(r"\r\n|\r|\n", _text(contents(file)))])
    except RecordingError as error:
        raise RecordingError(f"{file.name}: {error}") from None


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # older headers: a comment, or a micro sign


def _header(stem: str, lines: list[str]) -> Header:
    comments = tuple(line[1:].strip() for line in lines if line.startswith("#"))
    first, *signals = [line for line in lines if line and not line.startswith("#")] or [""]
    record, leads, rate, samples = _record_line(first.split())
    if record != stem:
        raise RecordingError("is the header of another record")
    if leads == 0:
        raise RecordingError("has no leads, so there is no signal")
    if leads != len(signals):
        raise RecordingError(f"says {leads} leads and describes {len(signals)}")
    described = tuple(_lead(stem, number, line.split(None, 8)) for number, line in enumerate(signals))
    if len(formats := {lead.format for lead in described}) > 1:
        raise RecordingError(f"one file cannot hold several formats ({', '.join(sorted(formats))})")
    return Header(record, rate, samples, described, comments)


def _record_line(fields: list[str]) -> tuple[str, int, float, int]:
    """Record name, number of leads, rate in Hz, samples per lead (0: not said); times and counters do not matter."""
    if len(fields) < 2:
        raise RecordingError("does not begin with a record's name and its number of leads")
    name, _, segments = fields[0].partition("/")
    if segments:
        raise RecordingError("is of a record of several segments, which is not read; join them")
    rate = _number("rate", re.split(r"[/(]", _field(fields, 2, RATE))[0])
    if rate <= 0:
        raise RecordingError("rate is not above 0 Hz")
    leads, samples = fields[1], _field(fields, 3, "0")
    return name, _whole("number of leads", leads, 0, MOST_LEADS), rate, _whole("number of samples", samples, 0)


def _lead(stem: str, number: int, fields: list[str]) -> Lead:
    if len(fields) < 2:
        raise RecordingError(f"lead {number} has no file and format")
    own = _field(fields, 8, f"record {stem}, signal {number}")  # as the WFDB library calls it
    name = shown_name(number, own)
    if fields[0] != f"{stem}.dat":
        raise RecordingError(f"{name}: its signal is in another file than {stem}.dat")
    format_ = _format(name, fields[1])
    gain, baseline, units = _gain(name, _field(fields, 2, "0"))
    zero = _whole(f"{name}: ADC zero", _field(fields, 4, "0"))
    _whole(f"{name}: block size", _field(fields, 7, "0"))  # of no use here, but a text in its place is a shifted field
    bits = FORMATS[format_].bits
    return Lead(
        name=own,
        gain=gain,
        units=units,
        baseline=zero if baseline is None else baseline,
        format=format_,
        bits=bits,
        resolution=_whole(f"{name}: ADC resolution", _field(fields, 3, "0"), 0, 32) or bits,
        zero=zero,
        initial=_whole(f"{name}: initial value", fields[5]) if len(fields) > 5 else None,
        checksum=_whole(f"{name}: checksum", fields[6], *CHECKSUM) if len(fields) > 6 else None,
    )


def _format(name: str, text: str) -> str:
    match = _FORMAT.fullmatch(text)
    if not match:
        raise RecordingError(f"{name}: its format is no number")
    if match["format"] not in FORMATS:
        raise RecordingError(f"{name}: format {match['format'][:3]} is not read; known: {', '.join(FORMATS)}")
    if match["frame"] not in (None, "1"):
        raise RecordingError(f"{name}: several samples per frame are not read; resample it to one")
    for what in ("skew", "offset"):
        if (match[what] or "0").strip("0"):
            raise RecordingError(f"{name}: {what}s other than 0 are not read")
    return match["format"]


def _gain(name: str, text: str) -> tuple[float, int | None, str]:
    """Gain (0: not calibrated), baseline if there is one, and unit of `200(1024)/mV`."""
    match = _GAIN.fullmatch(text)
    if not match:
        raise RecordingError(f"{name}: its gain is no number, with or without (baseline) and /unit")
    baseline = None if match["baseline"] is None else _whole(f"{name}: baseline", match["baseline"])
    return _number(f"{name}: gain", match["gain"]), baseline, match["units"] or "mV"


def _field(fields: list[str], index: int, otherwise: str) -> str:
    return fields[index] if len(fields) > index else otherwise


def _number(what: str, text: str) -> float:
    number = float(text) if re.fullmatch(_NUMBER, text) else math.nan
    if not math.isfinite(number):
        raise RecordingError(f"{what} is no number")
    return number


def _whole(what: str, text: str, least: int = -(1 << 31), most: int = 1 << 40) -> int:
    """A whole number within limits that no honest header passes, so that arithmetic cannot overflow."""
    number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,13}", text) else None
    if number is None or not least <= number <= most:
        raise RecordingError(f"{what} is no whole number from {least} to {most}")
    return number
