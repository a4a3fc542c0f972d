"""Rhythm: how the intervals around a beat compare with the person's own past intervals.

Compared with the median, a premature beat stands out among regular ones. Where most beats are premature the median is
premature itself, and the mean, which the pauses lengthen, tells them apart (de Chazal et al. 2004 used means alone).
"""

import numpy as np
from numpy.typing import NDArray

from bedside.signals.past import past_deviation, past_mean, past_median

FEATURES = (
    "log(before / median)",
    "log(after / median)",
    "log(before / after)",
    "log(previous before / median)",
    "log(before / median of the last 8)",
    "log(before / mean)",
    "log(after / mean)",
    "log(before / mean of twice as many)",
    "log(after / mean of twice as many)",
    "log(before / mean of the last 8)",
    "log(after / mean of the last 8)",
    "log(median) + 0.2",
    "deviation of log(before)",
    "deviation of log(before) over the last 8",
)
SHORTEST_S, LONGEST_S, LEAST_TYPICAL_S = 0.05, 4.0, 0.2
RECENT = 8


def rhythm(time: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """`FEATURES` (beat, 14) of beats at `time` (beat,) in s, from the `count` intervals before.

    The interval after a beat is known when the next beat has come: the decision is one beat late, on a device too. The
    first beat has no interval before it and takes the one after; the last has none after it and takes the one before.
    """
    if len(time) < 2:
        raise ValueError("rhythm needs at least two beats")
    intervals = np.maximum(np.diff(time), SHORTEST_S)  # two marks on one beat must not divide by zero
    before, after = np.append(intervals[0], intervals), np.append(intervals, intervals[-1])
    previous = np.append(before[0], before[:-1])
    median, recent_median = (_typical(past_median(before, n)) for n in (count, RECENT))
    mean, long_mean, recent_mean = (_typical(past_mean(before, n)) for n in (count, 2 * count, RECENT))
    ratios = [before / median, after / median, before / after, previous / median, before / recent_median]
    ratios += [interval / typical for typical in (mean, long_mean, recent_mean) for interval in (before, after)]
    deviations = [past_deviation(_log(before), n) for n in (count, RECENT)]
    return np.stack([*map(_log, ratios), _log(median) + 0.2, *deviations], axis=1).astype(np.float32)


def _typical(interval: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(np.maximum(interval, LEAST_TYPICAL_S))


def _log(value: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.clip(value, SHORTEST_S, LONGEST_S)))
