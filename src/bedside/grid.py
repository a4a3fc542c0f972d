"""The int8 grid of weights that every CPU computes alike.

x86 CPUs without VNNI multiply uint8 activations by int8 weights two at a time and add the two products in 16 bits,
cutting off what does not fit (the instruction pmaddubsw). A CPU with VNNI or an Arm CPU adds in 32 bits, so the same
file answers differently there. Here no pair of weights in a row can leave 16 bits, whatever the activations are and in
whatever order a kernel takes them: two weights of one sign add up to 128 at most, 255 * 128 = 32640, and 32767 fits.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Steps = NDArray[np.int8]

MOST = 127  # the largest int8 of a symmetric grid
PAIR = 128  # the most that two weights of one sign add up to: 255 * 128 <= 32767 < 255 * 129
_SMALLEST = 1e-8  # the scale of a row of zeros
_ON_A_STEP = 1e-3  # float32 puts a multiple of the scale this close to a whole number of steps, other values rarely
# Two values at or just below a half may both be rounded up: runtimes divide by the scale or multiply by its inverse.
_HALF = 0.5 + 1e-4


def row_scales(weight: NDArray[np.floating], portable: bool = True) -> Array:
    """The scale of each row of `weight` (row, input): the finest at which no value leaves 127 and no pair leaves 128.

    For example [1, -0.5] -> 1/127: the two have unlike signs and never add up. [1, 0.9] -> 1.9/128: 67 + 61 = 128.
    Not `portable`: pairs do not matter, because no integers are multiplied; [1, 0.9] -> 1/127.
    """
    rows = np.asarray(weight, np.float32)
    full: Array = np.maximum(np.abs(rows).max(axis=1) / MOST, _SMALLEST).astype(np.float32)
    if not portable:
        return full
    scale: Array = np.maximum(full, pair_sums(rows) / PAIR).astype(np.float32)
    beyond = pair_sums(np.floor(np.abs(rows) / scale[:, None] + _HALF) * np.sign(rows)) > PAIR
    scale[beyond] *= np.float32(1 + 2**-16)
    return scale


def rows_to_steps(weight: NDArray[np.floating]) -> tuple[Steps, Array]:
    """int8 steps (..., row, input) of `weight` for integer kernels, and the scale (..., row) of each row."""
    rows = np.asarray(weight, np.float32).reshape(-1, weight.shape[-1])
    return _steps(weight, rows, row_scales(rows))


def stored_steps(weight: NDArray[np.floating]) -> tuple[Steps, Array]:
    """The same for weights that are only stored in int8: rows that lie on the full grid already stay on it, exactly."""
    rows = np.asarray(weight, np.float32).reshape(-1, weight.shape[-1])
    full = row_scales(rows, portable=False)
    on_it = np.abs(rows / full[:, None] - np.rint(rows / full[:, None])).max(axis=1) < _ON_A_STEP
    return _steps(weight, rows, np.where(on_it, full, row_scales(rows)))


def _steps(weight: NDArray[np.floating], rows: Array, scale: Array) -> tuple[Steps, Array]:
    steps = np.clip(np.rint(rows / scale[:, None]), -MOST, MOST).astype(np.int8)
    return steps.reshape(weight.shape), scale.reshape(weight.shape[:-1])


def pair_sums(rows: NDArray[np.floating] | NDArray[np.integer]) -> Array:
    """The largest sum, without its sign, of two values of one sign in each row (row, input); a zero may be one of them.

    >>> pair_sums(np.array([[3, 2, -4, 1], [-4, -3, 0, 9]]))
    array([5., 9.], dtype=float32)
    """
    values = np.asarray(rows, np.float32)  # which holds sums of integers below 2**24 exactly
    return np.maximum(_two_largest(values), _two_largest(-values))


def _two_largest(rows: Array) -> Array:
    left, every = np.maximum(rows, 0), np.arange(len(rows))
    largest = left.argmax(axis=1)
    first = left[every, largest]
    left[every, largest] = 0
    total: Array = first + left.max(axis=1)
    return total
