"""All pictures of one deployment's evidence."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bedside.evaluation.pictures.confusion import draw_confusion
from bedside.evaluation.pictures.curves import draw_curves
from bedside.evaluation.pictures.flips import draw_flips
from bedside.evaluation.pictures.patients import draw_patients
from bedside.evaluation.predictions import Predictions


def draw(
    folder: Path,
    candidate: Predictions,
    reference: Predictions,
    *,
    inputs: Mapping[str, Any],
    records: Sequence[str],
    patients: Sequence[str],
    title: str,
) -> None:
    """Write `confusion.png`, `per_patient.png`, `roc.png` and `flips.png` into `folder`.

    `inputs` are those of the test windows, of which those with a time axis are drawn, (window, channel, time): channel
    0 the signal, channel 1 (if any) its difference from what is typical of the patient; `title` names the deployment,
    such as "pruned on onnxruntime-cpu".
    """
    draw_confusion(folder / "confusion.png", candidate, reference, title=title)
    draw_patients(folder / "per_patient.png", candidate, reference, patients=patients, title=title)
    draw_curves(folder / "roc.png", candidate, reference, title=title)
    draw_flips(
        folder / "flips.png", candidate, reference, inputs=inputs, records=records, patients=patients, title=title
    )
