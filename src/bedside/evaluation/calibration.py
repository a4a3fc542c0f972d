"""How far the probabilities can be believed: reported beside the gates, not gated yet.

The operating point is inside the logits, so these are the probabilities that the device would show.
"""

from typing import Any

import numpy as np
from scipy.special import softmax

from bedside.evaluation.predictions import Floats, Predictions

BINS = 15


def calibration(predictions: Predictions) -> dict[str, Any]:
    """Classwise expected calibration error (equal-width bins) and the multi-class Brier score (0 best, 2 worst)."""
    kept = predictions.scored
    if not kept.any():
        return {"bins": BINS, "brier": None, "classwise_ece": dict.fromkeys(predictions.classes), "mean_ece": None}
    probability: Floats = softmax(predictions.logits[kept], axis=1)
    truth = np.eye(len(predictions.classes))[predictions.label[kept]]
    errors = {name: expected_error(probability[:, k], truth[:, k]) for k, name in enumerate(predictions.classes)}
    brier = float(((probability - truth) ** 2).sum(axis=1).mean())
    return {"bins": BINS, "brier": brier, "classwise_ece": errors, "mean_ece": float(np.mean(list(errors.values())))}


def expected_error(probability: Floats, truth: Floats, bins: int = BINS) -> float:
    """Mean over units of |mean probability - share that is true| of the unit's bin.

    Worked: four units at probability .8 of which two are true, alone in their bin: .3.
    """
    index = np.minimum((probability * bins).astype(np.int64), bins - 1)
    excess = np.bincount(index, weights=probability - truth, minlength=bins)
    return float(np.abs(excess).sum() / len(probability))
