"""What tells a ready window from others, before anything is learned or scaled."""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def digests(inputs: Mapping[str, NDArray[np.float32]]) -> frozenset[bytes]:
    """Digests of windows, by their inputs with a time axis where one moves: the same signal with another age beside it
    is the same window. Where no input has a time axis, by all numbers.
    """
    drawn = [array for array in inputs.values() if array.ndim > 2]
    flat = [array.reshape(len(array), -1) for array in drawn or inputs.values()]
    rows = np.ascontiguousarray(np.concatenate(flat, axis=1))
    moving = rows[np.ptp(rows, axis=1) > 0] if drawn else rows
    return frozenset(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in moving)
