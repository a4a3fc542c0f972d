"""Statistics of what came before: the causal normalization that a device can do too."""

import numpy as np
from numpy.typing import NDArray


def past_median(values: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """Median of the `count` rows before each row of (beat,) or (beat, column); fewer at the start.

    The first row has no past and is its own median. Worked count: `past_median([4, 1, 9, 2], 2)` is `[4, 4, 2.5, 5]`.
    """
    columns = values[:, None] if values.ndim == 1 else values
    medians = columns.copy()
    for row in range(1, min(count, len(columns))):
        medians[row] = np.median(columns[:row], axis=0)
    if len(columns) > count:
        medians[count:] = _running_median(columns[:-1], count)
    return medians.reshape(values.shape)


def past_mean(values: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """Mean of the `count` values before each of (beat,); fewer at the start, and the first is its own mean.

    Worked count: `past_mean([4, 1, 9, 2], 2)` is `[4, 4, 2.5, 5]`.
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(len(values))
    starts = np.maximum(ends - count, 0)
    means = (sums[ends] - sums[starts]) / np.maximum(ends - starts, 1)
    means[:1] = values[:1]
    return np.asarray(means)


def past_deviation(values: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """Standard deviation of the `count` values before each of (beat,); 0 for the first two, fewer at the start."""
    deviations = np.zeros_like(values)
    for row in range(2, min(count, len(values))):
        deviations[row] = values[:row].std()
    if len(values) > count:
        deviations[count:] = np.lib.stride_tricks.sliding_window_view(values[:-1], count).std(axis=1)
    return deviations


def _running_median(columns: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """Medians (row, column) of every `count` rows in a row; a rank filter is ten times faster than `np.median`."""
    from scipy.ndimage import rank_filter

    ranks = {(count - 1) // 2, count // 2}
    first = count // 2
    rows = len(columns) - count + 1
    medians = np.empty((columns.shape[1], rows), dtype=columns.dtype)
    for column, medians_of_column in zip(np.ascontiguousarray(columns.T), medians, strict=True):
        filtered = [rank_filter(column, rank, size=count)[first : first + rows] for rank in ranks]
        medians_of_column[:] = sum(filtered) / len(filtered)
    return medians.T
