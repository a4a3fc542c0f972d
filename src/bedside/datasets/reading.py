"""The three files of a recording, read together: whatever is wrong with one of them is wrong with this record alone."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bedside.datasets.annotations import read_annotations
from bedside.datasets.headers import read_header
from bedside.datasets.recording import Annotations, Header, Recording, RecordingError, shown
from bedside.datasets.samples import read_signal

NONE = np.zeros(0, np.int64), np.zeros(0, np.str_)
Entry = Mapping[
    str, Any
]  # a row of records.json: `record`, and `assumed_gain` if it was not calibrated, `annotated: false`


def read(folder: Path, entry: Entry) -> Recording:
    """The recording of a row of records.json; every fault of its files is a `RecordingError` with the reason."""
    record = str(entry["record"])
    try:
        return _read(folder, record, entry.get("assumed_gain"), entry.get("annotated", True))
    except OSError as error:
        raise RecordingError(f"{Path(error.filename or record).name}: {error.strerror or error}") from None
    except RecordingError:
        raise
    except Exception as error:  # damage that nobody has thought of must not end a whole cohort
        raise RecordingError(f"{record}: cannot be read ({type(error).__name__})") from error  # its text may quote


def _read(folder: Path, record: str, gain: float | None, annotated: bool) -> Recording:
    found = read_header(folder / f"{record}.hea")
    header = _calibrated(found, gain)
    signal = read_signal(folder, header)
    header = dataclasses.replace(header, samples=len(signal))
    annotations = read_annotations(folder / f"{record}.atr") if annotated else Annotations(*NONE)
    return Recording(header, signal, annotations, gain if header.leads != found.leads else None)


def _calibrated(header: Header, gain: float | None) -> Header:
    """The header with `gain` for leads that were not calibrated; without one they are refused, never guessed."""
    unknown = [shown(number, lead) for number, lead in enumerate(header.leads) if lead.gain == 0]
    if not unknown:
        return header
    if gain is None:
        raise RecordingError(
            f"{header.record}: {' and '.join(unknown)} not calibrated (gain 0); state the gain to assume as "
            "source.uncalibrated_gain (the WFDB library assumes 200), or leave the record out"
        )
    leads = [lead if lead.gain else dataclasses.replace(lead, gain=gain) for lead in header.leads]
    return dataclasses.replace(header, leads=tuple(leads))
