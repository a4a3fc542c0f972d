"""Filters before windows are cut: no baseline wander, no aliasing, and a known look-ahead."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from bedside.errors import RefusedError

LOOK_AHEAD_S = 15 / 360  # what a resampled value knows of its future, at any rate
PASSES = 0.375  # of the lower rate: what is kept; nothing above half of it may be left
MOST_PHASES = 2000  # of the filter between two rates; a device holds them all, and 257 Hz to 120 Hz needs 120


def highpass(signal: NDArray[np.floating], rate: float, cutoff: float = 0.5) -> NDArray[np.float64]:
    """Remove baseline wander from (sample,) with a causal second-order Butterworth high-pass; `cutoff` in Hz."""
    from scipy.signal import butter, lfilter

    b, a = butter(2, cutoff, "highpass", fs=rate)
    return np.asarray(lfilter(b, a, signal - signal[0]))


def steps(rate: float, to: float) -> tuple[int, int]:
    """`(up, down)` in lowest terms with `rate * up / down = to`: 360 Hz to 120 Hz is `(1, 3)`, 128 Hz `(15, 16)`.

    Rates without a common measure, and those too low for a filter, are refused with a sentence.
    """
    if min(rate, to) * LOOK_AHEAD_S < 1:
        raise RefusedError(f"{min(rate, to):g} Hz is too low to see a beat; at least {1 / LOOK_AHEAD_S:g} Hz is needed")
    ratio = Fraction(str(to)) / Fraction(str(rate))
    if max(ratio.numerator, ratio.denominator) > MOST_PHASES:
        near = rate / round(rate / to) if to <= rate else rate
        raise RefusedError(f"{rate:g} Hz cannot become {to:g} Hz in few steps; choose a simpler ratio, {near:g} Hz say")
    return ratio.numerator, ratio.denominator


def unreachable(rate: float, to: float) -> str | None:
    """Why no filter leads from one rate to another; None where one does."""
    try:
        steps(rate, to)
    except RefusedError as error:
        return str(error)
    return None


def resample(signal: NDArray[np.floating], rate: float, to: float) -> NDArray[np.float32]:
    """Low-pass (sample,) below `PASSES` of the lower rate and give its values at the new one.

    Sample n of the result is at n / `to` seconds. The filter is symmetric and its delay is taken back, so a value knows
    `LOOK_AHEAD_S` of its future; a device repeats it with `up` short filters, one after the other.
    """
    from scipy.signal import firwin, upfirdn

    up, down = steps(rate, to)
    if up == down:
        return signal.astype(np.float32)
    half = round(LOOK_AHEAD_S * rate * up)
    taps = up * firwin(2 * half + 1, PASSES * min(rate, to), fs=rate * up)
    late = (-half) % down  # zeros before the taps, so that the delay is a whole number of the new samples
    filtered = upfirdn(np.concatenate([np.zeros(late), taps]), signal, up=up, down=down)
    first = (half + late) // down
    return np.asarray(filtered[first : first + -(-len(signal) * up // down)], dtype=np.float32)
