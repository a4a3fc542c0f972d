"""The pictures a reviewer looks at: confusion, patients, ROC-like curves, and the beats that compression flipped."""

from pathlib import Path
from typing import Any

from bedside.evaluation.predictions import Predictions


def draw(
    folder: Path,
    candidate: Predictions,
    reference: Predictions,
    *,
    signal: Any,
    records: Any,
    patients: Any,
    title: str,
) -> None:
    """Write `confusion.png`, `per_patient.png`, `roc.png` and `flips.png` into `folder`.

    `signal` is `(beats, channel, time)` of the test windows: channel 0 the beat, channel 1 the patient's template.
    """
    raise NotImplementedError
