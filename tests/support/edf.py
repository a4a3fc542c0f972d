"""Small EDF+ files, written by the library that reads them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

CHANNELS = ("EEG Fz", "EEG Cz", "EEG O1")
RATE = 128


def signals(number: int, fast: bool, seconds: int = 40) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """(channel, sample) in microvolts: alpha waves, or beta waves of a busy person."""
    random = np.random.default_rng([number, fast])
    time = np.arange(seconds * RATE) / RATE
    wave = 40 * np.sin(2 * np.pi * (20 if fast else 10) * time + random.uniform(0, 6, (len(CHANNELS), 1)))
    return np.asarray(wave + random.normal(0, 4, wave.shape))


def write(
    file: Path,
    values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]",
    *,
    channels: Sequence[str] = CHANNELS,
    unit: str = "uV",
    rates: Sequence[int] = (),
    annotations: Sequence[tuple[float, float, str]] = (),
) -> Path:
    """An EDF+ file of (channel, sample), 200 units either way."""
    pyedflib = pytest.importorskip("pyedflib")
    file.parent.mkdir(parents=True, exist_ok=True)
    each = rates or [RATE] * len(channels)
    with pyedflib.EdfWriter(str(file), len(channels), file_type=pyedflib.FILETYPE_EDFPLUS) as writer:
        writer.setPatientName("A_Secret_Name")
        for place, (name, rate) in enumerate(zip(channels, each, strict=True)):
            scale = {"physical_max": 200.0 + place, "physical_min": -200.0}
            digital = {"digital_max": 32767, "digital_min": -32768}
            about = {"label": name, "dimension": unit, "sample_frequency": rate, **scale, **digital}
            writer.setSignalHeader(place, {**about, "transducer": "", "prefilter": ""})
        writer.writeSamples(
            [np.ascontiguousarray(row[:: RATE // rate]) for row, rate in zip(values, each, strict=True)]
        )
        for onset, duration, text in annotations:
            writer.writeAnnotation(onset, duration, text)
    return file


def physical(file: Path, channel: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """A channel as the library reads it, in its unit."""
    pyedflib = pytest.importorskip("pyedflib")
    with pyedflib.EdfReader(str(file)) as opened:
        return np.asarray(opened.readSignal(channel))
