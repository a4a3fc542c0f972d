"""Filters take away wander and aliases, keep beats in their place, and look ahead no further than they say."""

import numpy as np
import pytest

from bedside.errors import RefusedError
from bedside.signals.filters import LOOK_AHEAD_S, highpass, resample, steps

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
    assert np.abs(resample(tone(100.0), RATE, 120.0)[middle]).max() < 0.02
    assert np.abs(resample(tone(10.0), RATE, 120.0)[middle]).max() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("rate", "to"), [(360.0, 120.0), (360.0, 180.0), (250.0, 125.0), (500.0, 125.0)])
def test_a_peak_stays_where_it_is(rate: float, to: float) -> None:
    time = np.arange(int(rate * 4)) / rate
    peak = np.exp(-0.5 * ((time - 2.0) / 0.02) ** 2)
    lower = resample(peak, rate, to)
    assert len(lower) == len(peak) / (rate / to)
    assert np.argmax(lower) / to == pytest.approx(2.0, abs=0.5 / to)


def test_a_value_knows_no_more_of_its_future_than_the_look_ahead() -> None:
    changed = tone(5.0)
    changed[4000:] += 1.0
    same = resample(changed, RATE, 120.0) == resample(tone(5.0), RATE, 120.0)
    first = int(np.flatnonzero(~same)[0])
    assert 4000 - LOOK_AHEAD_S * RATE <= first * 3 < 4000


@pytest.mark.parametrize(
    ("rate", "to", "expected"),
    [(128.0, 120.0, (15, 16)), (257.0, 120.0, (120, 257)), (500.0, 120.0, (6, 25)), (100.0, 120.0, (6, 5))],
)
def test_rates_that_do_not_divide_give_the_signals_values_at_the_new_times(
    rate: float, to: float, expected: tuple[int, int]
) -> None:
    assert steps(rate, to) == expected
    signal = np.sin(2 * np.pi * 10.0 * np.arange(int(rate * 10)) / rate)
    found = resample(signal, rate, to)
    assert len(found) == int(to * 10)
    middle = slice(100, -100)
    np.testing.assert_allclose(found[middle], np.sin(2 * np.pi * 10.0 * np.arange(len(found)) / to)[middle], atol=0.01)


def test_another_rate_looks_no_further_ahead() -> None:
    rate, to, changed = 500.0, 120.0, np.sin(np.arange(5000) / 9)
    same = resample(changed, rate, to)
    changed[2500:] += 1.0
    first = int(np.flatnonzero(resample(changed, rate, to) != same)[0])
    assert 5.0 - LOOK_AHEAD_S <= first / to < 5.0


def test_mit_bihs_rate_is_filtered_by_the_taps_that_its_results_were_made_with() -> None:
    from scipy.signal import firwin, upfirdn

    noise = np.random.default_rng(0).normal(size=7201)
    expected = upfirdn(firwin(31, 45.0, fs=360.0), np.concatenate([noise, np.zeros(15)]), down=3)[5 : 5 + 2401]
    np.testing.assert_array_equal(resample(noise, 360.0, 120.0), expected.astype(np.float32))


@pytest.mark.parametrize(
    ("rate", "to", "told"),
    [
        (359.83, 120.0, "359.83 Hz cannot become 120 Hz in few steps; choose a simpler ratio, 119.943 Hz say"),
        (360.0, 2.0, "2 Hz is too low to see a beat; at least 24 Hz is needed"),
        (1.0, 120.0, "1 Hz is too low"),
    ],
)
def test_rates_that_no_filter_joins_are_refused_with_a_sentence(rate: float, to: float, told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        resample(tone(5.0), rate, to)


def test_the_recordings_own_rate_needs_no_filter() -> None:
    np.testing.assert_array_equal(resample(tone(5.0), RATE, RATE), tone(5.0).astype(np.float32))
