"""The threshold that loses least information (Migacz, 8-bit Inference with TensorRT, GTC 2017).

For each threshold on |x|: P is the histogram with everything beyond added to its last bin, Q is what 8 bits leave of
it, and the threshold with the smallest KL(P || Q) wins. Zeros are left out: every grid holds zero exactly, and half of
what a ReLU gives are zeros, whose bin would make every threshold but the smallest look costly.
"""

import math
from typing import Literal

import numpy as np
import pydantic
from numpy.typing import NDArray
from torch import Tensor

from bedside.compression.ranges.base import Ranges

Counts = NDArray[np.float64]
UNSEEN = 1e-4  # counts of Q where only clipped values make up P: an empty bin there must not rule a threshold out


class Entropy(Ranges):
    """Values of one sign share 256 levels; with two signs |x| has 128, and zero is one of them."""

    kind: Literal["entropy"] = "entropy"
    bins: int = pydantic.Field(default=2048, ge=512)

    def bounds(self, values: Tensor) -> tuple[float, float]:
        low, high = float(values.min()), float(values.max())
        largest = max(-low, high)
        if largest == 0:
            return 0.0, 0.0
        levels = 128 if low < 0 < high else 256
        counts = np.histogram(np.abs(values[values != 0].numpy()), self.bins, (0.0, largest))[0].astype(np.float64)
        widths = range(levels, self.bins + 1, levels // 16)  # a whole number of bins per sixteen levels is fine enough
        width = min(widths, key=lambda kept: divergence(counts, kept, levels))
        threshold = largest * width / self.bins
        return max(low, -threshold), min(high, threshold)


def divergence(counts: Counts, width: int, levels: int) -> float:
    """KL(P || Q) of a histogram clipped to its first `width` bins and merged into `levels`.

    Q spreads what a level holds evenly over the bins of that level which are not empty.
    """
    inside = counts[:width]
    reference = inside.copy()
    reference[-1] += counts[width:].sum()
    level = np.arange(width) * levels // width
    filled = inside > 0
    held, bins = (np.bincount(level, weights, levels) for weights in (inside, filled))
    kept = np.where(filled, held[level] / np.maximum(bins[level], 1), 0.0)
    if not inside.any():
        return math.inf  # a grid that holds no value at all
    present = reference > 0
    p, q = reference[present] / reference.sum(), np.maximum(kept[present], UNSEEN) / kept.sum()
    return float((p * np.log(p / q)).sum())
