"""Windows around R peaks, on the scale of the person's own past beats, and against the person's own typical beat."""

import numpy as np
from numpy.typing import NDArray

from bedside.signals.past import past_median

SMALLEST_MV = 0.1  # a beat is never divided by less than this: a flat past must not blow up what follows


def cut(signal: NDArray[np.float32], peaks: NDArray[np.int64], before: int, after: int) -> NDArray[np.float32]:
    """Windows (beat, before + after) of `signal` (sample,) around `peaks` (beat,); the ends repeat the edge value."""
    padded = np.pad(signal, (before, after), mode="edge")
    windows: NDArray[np.float32] = padded[peaks[:, None] + np.arange(before + after)]
    return windows


def normalize(windows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Divide each window of (beat, time) by the median peak-to-peak of the `count` beats before it."""
    scale = past_median(np.ptp(windows, axis=1), count)
    return np.asarray(windows / np.maximum(scale, SMALLEST_MV)[:, None], dtype=np.float32)


def against_template(windows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """(beat, 2, time): each window, and its difference from the pointwise median of the `count` windows before it.

    The difference is what makes one patient's bundle-branch beat look as normal as another's narrow one.
    """
    return np.stack([windows, windows - past_median(windows, count)], axis=1)
