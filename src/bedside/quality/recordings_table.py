"""One row per recording: what can be said of its signal quality without looking at it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.datasets.recording import (
    Annotations,
    Header,
    RecordingError,
    differences,
    millivolts,
    read_annotations,
    read_header,
    read_signal,
)
from bedside.tasks.aami import BEATS, CLASSES, NOT_BEATS, SYMBOLS, UNCLASSIFIED

FLAT_MV = 0.01  # less movement than this in a second is no heart: the leads are off
RAILS = (0, 2047)  # ends of the 11-bit converter; a sample at an end was cut off
PLAUSIBLE_S = (0.2, 3.0)  # intervals between beats outside this are missed or doubled beats

Row = dict[str, Any]


def row(folder: Path, entry: Mapping[str, Any]) -> Row:
    """Judge one recording of records.json; `problem` says why it could not be read at all, then the rest is absent."""
    record = str(entry["record"])
    try:
        header = read_header(folder / f"{record}.hea")
        signal = read_signal(folder, header)
        annotations = read_annotations(folder / f"{record}.atr")
    except (RecordingError, OSError) as error:
        return {"record": record, "problem": str(error)}
    return {
        "record": record,
        "problem": "; ".join(differences(header, signal)),
        "rate": header.rate,
        "units": " ".join(sorted({lead.units for lead in header.leads})),
        "gain": next((lead.gain for lead in header.leads if lead.gain != 200.0), 200.0),
        "seconds": header.samples / header.rate,
        **_signal(header, signal),
        **_beats(header, annotations),
    }


def _signal(header: Header, signal: NDArray[np.int16]) -> Row:
    """Shares and amplitudes of the worst lead: a lead that is off must not hide behind one that is on."""
    leads = [_lead(millivolts(adc, lead), adc, header.rate) for lead, adc in zip(header.leads, signal.T, strict=True)]
    return {key: (min if key == "amplitude_mv" else max)(lead[key] for lead in leads) for key in leads[0]}


def _lead(signal: NDArray[np.float64], adc: NDArray[np.int16], rate: float) -> dict[str, float]:
    missing = np.isnan(signal)
    known = signal[~missing] if not missing.all() else np.zeros(1)
    low, high = np.percentile(known, [0.5, 99.5])
    seconds = np.nan_to_num(signal[: len(signal) // round(rate) * round(rate)]).reshape(-1, round(rate))
    return {
        "missing_share": float(missing.mean()),
        "flat_share": float((np.ptp(seconds, axis=1) < FLAT_MV).mean()),
        "clipped_share": float(((adc <= RAILS[0]) | (adc >= RAILS[1])).mean()),
        "amplitude_mv": float(high - low),
        "largest_mv": float(np.abs(known).max()),
    }


def _beats(header: Header, annotations: Annotations) -> Row:
    symbols = annotations.symbol.tolist()
    samples = annotations.sample[[symbol in BEATS for symbol in symbols]]
    intervals = np.diff(samples) / header.rate
    implausible = (intervals < PLAUSIBLE_S[0]) | (intervals > PLAUSIBLE_S[1])
    counts = {
        f"beats_{name}": sum(symbol in SYMBOLS[label] for symbol in symbols)
        for label, name in [*enumerate(CLASSES), (UNCLASSIFIED, "Q")]
    }
    return {
        "beats": len(samples),
        **counts,
        "beats_per_minute": float(60 * len(samples) / (header.samples / header.rate)),
        "implausible_intervals": float(implausible.mean()) if len(intervals) else 1.0,
        "beats_outside": int((samples >= header.samples).sum()),
        "unknown_symbols": " ".join(sorted(set(symbols) - BEATS.keys() - NOT_BEATS)),
    }
