"""What validation patients decide: the epoch."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bedside.errors import NotFiniteError
from bedside.training.batches import Tensors

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


def logits_of(network: nn.Module, data: Tensors, batch: int = 1024, *, whose: str = "the network") -> Tensor:
    """Logits (window, class) of a split, without gradients, in evaluation mode.

    NotFiniteError, which says `whose` they are, for logits that are not finite: an argmax over NaN still names a class.
    """
    network.eval()
    with torch.inference_mode():
        parts = (data[start : start + batch] for start in range(0, len(data), batch))
        logits = torch.cat([network(**part.inputs) for part in parts])
        if silent := int((~torch.isfinite(logits)).any(dim=1).sum()):
            found = f"answers {silent} of {len(logits)} windows with numbers that are not finite"
            raise NotFiniteError(whose, found, "train it again with a lower training.learning_rate")
    return logits


def average_precision(score: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the precision-recall steps of one class; NaN without positives. No threshold is involved.

    >>> average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
    0.8333333333333333
    """
    if not positive.any():
        return float("nan")
    ranked = positive[np.argsort(-score, kind="stable")]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked].mean())


def watch(network: nn.Module, data: Tensors, watched: dict[str, int]) -> dict[str, float]:
    """Average precision of each watched class that the split has; `score`, their mean, is what chooses the epoch."""
    probability = torch.softmax(logits_of(network, data), dim=1).double().numpy()
    label = data.label.numpy()
    seen = {name: c for name, c in watched.items() if (label == c).any()}
    each = {name: average_precision(probability[:, c], label == c) for name, c in seen.items()}
    score = float(np.mean(list(each.values()))) if each else 0.0
    return {"score": score, **{f"{k}_average_precision": v for k, v in each.items()}}


def f1(predicted: Labels, label: Labels, positive: int) -> float:
    """2 TP / (2 TP + FP + FN) of one class, all windows pooled."""
    called, present = predicted == positive, label == positive
    return 2 * float((called & present).sum()) / max(float(called.sum() + present.sum()), 1.0)
