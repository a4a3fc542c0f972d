"""Recordings in formats that are not read here, read by the WFDB library and kept in format 16."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bedside.datasets.recording import MOST_VALUES, RecordingError
from bedside.datasets.samples import FORMATS

# What marks a missing sample in the formats that are converted; -32768 does in format 16.
MISSING = {
    "24": -(1 << 23),
    "32": -(1 << 31),
    "310": -512,
    "311": -512,
    "508": -128,
    "516": -(1 << 15),
    "524": -(1 << 23),
}
MARK = -(1 << 15)


def convert(folder: Path, record: str) -> None:
    """Rewrite the files of a record of another format; one that is read anyway, or is damaged, stays as it is."""
    import wfdb

    try:
        formats = set(wfdb.rdheader(str(folder / record)).fmt or ())
    except Exception:  # whoever reads it afterwards says what is wrong
        return
    if len(formats) != 1 or not formats <= MISSING.keys() - FORMATS.keys():
        return
    try:
        found = wfdb.rdrecord(str(folder / record), physical=False)
    except Exception as error:
        raise RecordingError(f"{record}.dat: cannot be read by the WFDB library ({type(error).__name__})") from None
    _write(folder, record, found, _sixteen(record, found, formats.pop()))


def _sixteen(record: str, found: Any, kind: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """Its values (sample, lead) as 16 bits hold them, after a look at its checksums."""
    values = np.asarray(found.d_signal, dtype=np.int64)
    if values.size > MOST_VALUES:
        raise RecordingError(
            f"{record}.dat: holds more than the {MOST_VALUES:,} values that are read; cut it into parts"
        )
    for number, (column, said) in enumerate(zip(values.T, found.checksum or [], strict=False)):
        if said is not None and (int(column.sum()) - said) % (1 << 16):
            raise RecordingError(f"{record}.dat: lead {number}: its checksum differs from the header's")
    missing = values == MISSING[kind]
    if (np.abs(values[~missing]) > -MARK - 1).any():
        raise RecordingError(f"{record}.dat: its values of format {kind} do not fit into 16 bits; scale them down")
    return np.where(missing, MARK, values)


def _write(folder: Path, record: str, found: Any, values: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> None:
    (folder / f"{record}.dat").unlink()
    write_signals(
        folder,
        record,
        values,
        rate=found.fs,
        names=found.sig_name,
        units=found.units,
        gain=found.adc_gain,
        baseline=found.baseline,
        resolution=[min(16, bits or 16) for bits in found.adc_res],
        zero=found.adc_zero,
        comments=found.comments,
    )


def write_signals(
    folder: Path,
    record: str,
    values: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]",
    *,
    rate: float,
    names: Sequence[str],
    units: Sequence[str],
    gain: Sequence[float],
    baseline: Sequence[int],
    resolution: Sequence[int],
    zero: Sequence[int],
    comments: Sequence[str] = (),
) -> None:
    """Write `.hea` and `.dat` of values (sample, lead) in format 16; RecordingError where WFDB has no room for them."""
    import wfdb

    kept = wfdb.Record(
        record_name=record,
        fs=rate,
        units=list(units),
        sig_name=list(names),
        d_signal=values,
        fmt=["16"] * len(names),
        adc_gain=list(gain),
        baseline=list(baseline),
        adc_res=list(resolution),
        adc_zero=list(zero),
        comments=list(comments),
    )
    try:
        kept.set_d_features()
        kept.set_defaults()
        kept.wrsamp(write_dir=str(folder))
    except Exception as error:
        raise RecordingError(f"{record}: cannot be kept as WFDB ({' '.join(str(error).split())})") from None
