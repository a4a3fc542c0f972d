"""Recordings that have little in common with MIT-BIH's: other names, rate and converter, CRLF, and gains of 0."""

from pathlib import Path

import numpy as np

from bedside.datasets.headers import read_header
from bedside.datasets.samples import read_signal
from bedside.datasets.simulated import Simulated
from bedside.datasets.simulated_signal import ZERO
from tests.data.mirror import publish

NAMES = tuple(f"I{number}" for number in range(100, 112))
UNCALIBRATED = NAMES[::4]


def lay_out(mirror: Path, name: str = "holter", version: str = "2.1") -> Path:
    """`<mirror>/<name>/<version>`: twelve people at 128 Hz, a signed 10-bit converter around 0, as svdb has it."""
    folder = mirror / name / version
    folder.mkdir(parents=True)
    Simulated(patients=len(NAMES), seconds=60, rate=128.0, lead_off=False).fetch(folder)
    for number, record in enumerate(NAMES, start=1):
        _convert(folder, f"s{number:03d}", record)
    for file in folder.glob("s*"):
        file.unlink()
    publish(folder)
    return folder


def _convert(folder: Path, old: str, record: str) -> None:
    """The same beats through another converter, which clips at its own ends."""
    import wfdb

    found = read_header(folder / f"{old}.hea")
    signal = np.clip(read_signal(folder, found).astype(np.int64) - ZERO, -512, 511)
    made = wfdb.Record(
        record_name=record,
        fs=128,
        units=["mV"] * 2,
        sig_name=["ECG1", "ECG2"],
        d_signal=signal,
        fmt=["212"] * 2,
        adc_gain=[200.0] * 2,
        baseline=[0] * 2,
        adc_res=[10] * 2,
        adc_zero=[0] * 2,
    )
    made.set_d_features()
    made.set_defaults()
    made.wrsamp(write_dir=str(folder))
    header = folder / f"{record}.hea"
    gain = "0" if record in UNCALIBRATED else "200"
    header.write_bytes(header.read_bytes().replace(b"200.0(0)/mV", gain.encode()).replace(b"\n", b"\r\n"))
    (folder / f"{old}.atr").rename(folder / f"{record}.atr")
