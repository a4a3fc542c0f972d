"""Small tables of ready windows, such as a hospital's: ten patients whose events are a bump in the signal."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PATIENTS = tuple(f"p{number:02d}" for number in range(10))
WINDOWS = 12  # each


def frame(seed: int = 0, samples: int = 16) -> pd.DataFrame:
    """A row a window: `patient`, `what` (0, 1, or ? for the last of each patient), x_0 to x_15, `age`, `hr`."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number, patient in enumerate(PATIENTS):
        for window in range(WINDOWS):
            event = window % 3 == 0
            signal = random.normal(0, 0.2, samples) + event * np.hanning(samples)
            numbers = {f"x_{at}": round(float(value), 5) for at, value in enumerate(signal)}
            what = "?" if window == WINDOWS - 1 else str(int(event))
            rows.append({"patient": patient, "what": what, **numbers, "age": 40 + 3 * number, "hr": 60 + 7.5 * event})
            rows[-1]["hr"] += round(float(random.normal()), 3)
    return pd.DataFrame(rows)


def write_csv(file: Path, table: pd.DataFrame | None = None) -> Path:
    """That table, or another, as CSV."""
    file.parent.mkdir(parents=True, exist_ok=True)
    (frame() if table is None else table).to_csv(file, index=False)
    return file


SOURCE: dict[str, Any] = {
    "kind": "csv",
    "path": "data/windows.csv",
    "subject": "patient",
    "label": "what",
    "inputs": {
        "signal": {"columns": r"^x_\d+$", "shape": [1, 16]},
        "features": {"columns": ["age", "hr"], "shape": [2]},
    },
}
TASK: dict[str, Any] = {
    "kind": "windows",
    "outcome": {
        "classes": ["quiet", "event"],
        "background": "quiet",
        "macro": {"classes": ["quiet", "event"]},
        "watched": ["event"],
    },
    "labels": {0: "quiet", 1: "event", "?": None},
    "split": {"kind": "by-share", "test": 0.3, "validation": 0.2, "calibration": 0.1},
}
