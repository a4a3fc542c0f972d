"""Rhythm: how the intervals around a beat compare with the person's own past intervals."""

import numpy as np
from numpy.typing import NDArray

from bedside.signals.past import past_deviation, past_median

FEATURES = (
    "log(before / typical)",
    "log(after / typical)",
    "log(before / after)",
    "log(previous before / typical)",
    "log(before / typical of the last 8)",
    "log(typical) + 0.2",
    "deviation of log(before) over the last 8",
)
SHORTEST_S, LONGEST_S, LEAST_TYPICAL_S = 0.05, 4.0, 0.2


def rhythm(time: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """`FEATURES` (beat, 7) of beats at `time` (beat,) in s; typical is the median of the `count` intervals before.

    The interval after a beat is known when the next beat has come: the decision is one beat late, on a device too. The
    first beat has no interval before it and takes the one after; the last has none after it and takes the one before.
    """
    if len(time) < 2:
        raise ValueError("rhythm needs at least two beats")
    intervals = np.maximum(np.diff(time), SHORTEST_S)  # two marks on one beat must not divide by zero
    before, after = np.append(intervals[0], intervals), np.append(intervals, intervals[-1])
    previous = np.append(before[0], before[:-1])
    typical = np.maximum(past_median(before, count), LEAST_TYPICAL_S)
    recent = np.maximum(past_median(before, 8), LEAST_TYPICAL_S)
    irregularity = past_deviation(_log(before), 8)
    ratios = [before / typical, after / typical, before / after, previous / typical, before / recent]
    return np.stack([*map(_log, ratios), _log(typical) + 0.2, irregularity], axis=1).astype(np.float32)


def _log(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.clip(value, SHORTEST_S, LONGEST_S)))
