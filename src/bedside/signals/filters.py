"""Filters before windows are cut: no baseline wander, no aliasing, and a known look-ahead."""

import numpy as np
from numpy.typing import NDArray

TAPS = 31  # of the anti-alias filter at the recording's rate
LOOK_AHEAD = TAPS // 2  # samples at the recording's rate that a filtered sample knows of its future (42 ms at 360 Hz)


def highpass(signal: NDArray[np.floating], rate: float, cutoff: float = 0.5) -> NDArray[np.float64]:
    """Remove baseline wander from (sample,) with a causal second-order Butterworth high-pass; `cutoff` in Hz."""
    from scipy.signal import butter, lfilter

    b, a = butter(2, cutoff, "highpass", fs=rate)
    return np.asarray(lfilter(b, a, signal - signal[0]))


def downsample(signal: NDArray[np.floating], rate: float, to: float) -> NDArray[np.float32]:
    """Low-pass (sample,) below 0.375 of the new rate and keep every `rate / to`-th sample.

    The filter is symmetric and its delay is taken back, so a value knows `LOOK_AHEAD` samples of its future.
    """
    from scipy.signal import firwin, upfirdn

    step = round(rate / to)
    if step < 1 or abs(step * to - rate) > 1e-6:
        raise ValueError(f"{rate:g} Hz is not a whole multiple of {to:g} Hz; choose a rate that divides it")
    if step == 1:
        return signal.astype(np.float32)
    taps = firwin(TAPS, 0.375 * to, fs=rate)
    padded = np.concatenate([np.zeros((-LOOK_AHEAD) % step), signal, np.zeros(LOOK_AHEAD)])
    first = (LOOK_AHEAD + (-LOOK_AHEAD) % step) // step
    count = -(-len(signal) // step)
    return np.asarray(upfirdn(taps, padded, down=step)[first : first + count], dtype=np.float32)
