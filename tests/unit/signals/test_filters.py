"""Filters take away wander and aliases, keep beats in their place, and look ahead no further than they say."""

import numpy as np
import pytest

from bedside.signals.filters import LOOK_AHEAD, downsample, highpass

RATE = 360.0
TIME = np.arange(7200) / RATE


def tone(hertz: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.sin(2 * np.pi * hertz * TIME)


def test_baseline_wander_goes_and_the_heart_stays() -> None:
    settled = slice(3600, None)
    assert np.std(highpass(tone(0.05), RATE)[settled]) < 0.02 * np.std(tone(0.05)[settled])
    assert np.std(highpass(tone(8.0), RATE)[settled]) == pytest.approx(np.std(tone(8.0)[settled]), rel=0.02)


def test_a_constant_offset_of_the_electrode_leaves_no_trace() -> None:
    np.testing.assert_allclose(highpass(tone(5.0) + 3.0, RATE), highpass(tone(5.0), RATE), atol=1e-9)


def test_the_high_pass_is_causal() -> None:
    changed = tone(5.0)
    changed[4000:] += 1.0
    np.testing.assert_array_equal(highpass(changed, RATE)[:4000], highpass(tone(5.0), RATE)[:4000])


def test_what_the_lower_rate_cannot_hold_is_removed() -> None:
    middle = slice(200, -200)
    assert np.abs(downsample(tone(100.0), RATE, 120.0)[middle]).max() < 0.02
    assert np.abs(downsample(tone(10.0), RATE, 120.0)[middle]).max() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("rate", "to"), [(360.0, 120.0), (360.0, 180.0), (250.0, 125.0), (500.0, 125.0)])
def test_a_peak_stays_where_it_is(rate: float, to: float) -> None:
    time = np.arange(int(rate * 4)) / rate
    peak = np.exp(-0.5 * ((time - 2.0) / 0.02) ** 2)
    lower = downsample(peak, rate, to)
    assert len(lower) == len(peak) / (rate / to)
    assert np.argmax(lower) / to == pytest.approx(2.0, abs=0.5 / to)


def test_a_value_knows_no_more_of_its_future_than_the_look_ahead() -> None:
    changed = tone(5.0)
    changed[4000:] += 1.0
    same = downsample(changed, RATE, 120.0) == downsample(tone(5.0), RATE, 120.0)
    first = int(np.flatnonzero(~same)[0])
    assert 4000 - LOOK_AHEAD <= first * 3 < 4000


def test_a_rate_that_does_not_divide_is_refused_with_both_rates() -> None:
    with pytest.raises(ValueError, match="360 Hz is not a whole multiple of 100 Hz"):
        downsample(tone(5.0), RATE, 100.0)


def test_the_recordings_own_rate_needs_no_filter() -> None:
    np.testing.assert_array_equal(downsample(tone(5.0), RATE, RATE), tone(5.0).astype(np.float32))
