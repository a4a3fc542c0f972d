"""One row per recording: what can be said of its signal quality without looking at it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bedside.datasets.reading import Entry, read
from bedside.datasets.recording import (
    Annotations,
    Header,
    Lead,
    RecordingError,
    Samples,
    millivolts,
    shown_unit,
)

FLAT_MV = 0.01  # less movement than this in a second is no patient: the leads are off

Row = dict[str, Any]
Reading = Callable[[Header, Annotations], Row]


def row(folder: Path, entry: Entry, annotated: Reading, flat_mv: float = FLAT_MV) -> Row:
    """Judge one recording of records.json; `problem` says why it could not be read at all, then the rest is absent.

    `annotated` reads off the annotations what a task asks of them. A lead that moves less than `flat_mv` in a second is
    off.
    """
    try:
        recording = read(folder, entry)
        header = recording.header
        signal = _signal(header, recording.signal, flat_mv)
    except RecordingError as error:
        return {"record": entry["record"], "problem": str(error)}
    gains = [lead.gain for lead in header.leads]
    return {
        "record": entry["record"],
        "problem": "; ".join(recording.problems()),
        "rate": header.rate,
        "units": " ".join(sorted({shown_unit(lead) for lead in header.leads})),
        "smallest_gain": min(gains),
        "largest_gain": max(gains),
        "seconds": header.samples / header.rate,
        **signal,
        **annotated(header, recording.annotations),
    }


def _signal(header: Header, signal: Samples, flat_mv: float) -> Row:
    """Shares and amplitudes of the worst lead: a lead that is off must not hide behind one that is on."""
    second = max(1, round(header.rate))
    leads = [_lead(lead, adc, second, flat_mv) for lead, adc in zip(header.leads, signal.T, strict=True)]
    return {key: (min if key == "amplitude_mv" else max)(lead[key] for lead in leads) for key in leads[0]}


def _lead(lead: Lead, adc: Samples, second: int, flat_mv: float) -> dict[str, float]:
    """What one lead shows; `second` is how many samples make one."""
    signal = millivolts(adc, lead)
    missing = np.isnan(signal)
    known = signal[~missing] if not missing.all() else np.zeros(1)
    low, high = np.percentile(known, [0.5, 99.5])
    seconds = np.nan_to_num(signal[: len(signal) // second * second]).reshape(-1, second)
    return {
        "missing_share": float(missing.mean()),
        "flat_share": float((np.ptp(seconds, axis=1) < flat_mv).mean()) if len(seconds) else 1.0,
        "clipped_share": _clipped_share(lead, adc[~missing]),
        "amplitude_mv": float(high - low),
        "largest_mv": float(np.abs(known).max()),
    }


def _clipped_share(lead: Lead, adc: Samples) -> float:
    """Share of the known samples (sample,) at an end of the converter.

    The header describes the converter, and is not always right: a sample beyond an end shows that the converter went
    on, and then it ends where this lead does.
    """
    if not len(adc):
        return 0.0
    low, high = min(lead.rails[0], int(adc.min())), max(lead.rails[1], int(adc.max()))
    values = adc.astype(np.int64)
    return float(((values <= low) | (values >= high)).mean())
