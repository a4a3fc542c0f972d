"""What a candidate is judged by: its answers on validation patients and its cost, both of the very file on the target.

The quality figure is the average precision of the worst watched class, not its recall: recall alone can be bought with
false alarms, and a briefly trained student has no settled operating point. The floors on recall and precision hold the
operating point, as the gates on sensitivity and positive predictivity will.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.errors import RefusedError
from bedside.gates import Budget
from bedside.graph.finite import require_answers
from bedside.search.settings import Floor
from bedside.training.validation import average_precision

Figures = dict[str, Any]


def quality(
    logits: NDArray[np.float32], label: NDArray[np.int64], classes: list[str], watched: tuple[str, ...]
) -> dict[str, float]:
    """`{B_recall, B_precision, B_average_precision, ..., worst_average_precision}`, all windows pooled."""
    require_answers("the file on the target", logits, "train the chain's networks with a lower training.learning_rate")
    scores = np.exp(logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    scores /= scores.sum(axis=1, keepdims=True)
    predicted, found = logits.argmax(axis=1), {}
    for name in watched:
        c = classes.index(name)
        present, called = label == c, predicted == c
        if not present.any():
            raise RefusedError(
                f"no validation patient has a window of class {name}: take it out of search.watched and floors"
            )
        hits = float((present & called).sum())
        found[f"{name}_recall"] = hits / float(present.sum())
        found[f"{name}_precision"] = hits / max(float(called.sum()), 1.0)
        found[f"{name}_average_precision"] = average_precision(scores[:, c], present)
    worst = min(found[f"{name}_average_precision"] for name in watched)
    return {**found, "worst_average_precision": worst}


def shortfalls(floors: Mapping[str, Floor], figures: Mapping[str, float], prefix: str = "") -> dict[str, float]:
    """How far each figure lies below its floor; zero or less keeps it.

    Worked: floor .90, B recall .85 -> {"B_recall": 0.05}.
    """
    return {
        f"{name}_{kind}": floor - figures[f"{prefix}{name}_{kind}"]
        for name, wanted in floors.items()
        for kind, floor in wanted.model_dump().items()
    }


def overruns(budget: Budget, figures: Mapping[str, Any]) -> dict[str, float]:
    """How far each cost exceeds the target's budget, as a share of it; zero or less keeps it."""
    limits = budget.model_dump()
    known = {name: figures[name] for name in limits if figures.get(name) is not None}
    return {name: value / limits[name] - 1 for name, value in known.items()}
