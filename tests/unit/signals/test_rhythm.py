"""Rhythm features tell an early beat and its pause, on the person's own scale, one beat late."""

import numpy as np
import pytest

from bedside.signals.rhythm import FEATURES, rhythm


def regular(beats: int, interval: float = 0.8) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.arange(beats, dtype=np.float64) * interval


def test_a_regular_rhythm_has_features_of_zero_but_for_the_rate() -> None:
    features = rhythm(regular(30), 8)
    assert features.shape == (30, len(FEATURES))
    rate = FEATURES.index("log(median) + 0.2")
    np.testing.assert_allclose(np.delete(features, rate, axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(features[:, rate], np.log(0.8) + 0.2, rtol=1e-5)


def test_where_most_beats_are_early_the_mean_still_tells_them_from_the_others() -> None:
    """Three early beats and a pause, over and over: the median is an early beat's interval, the mean is not."""
    time = np.cumsum([0.6, 0.6, 0.6, 1.8] * 20)
    early, normal = rhythm(time, 16)[41], rhythm(time, 16)[43]
    median, mean = FEATURES.index("log(before / median)"), FEATURES.index("log(before / mean)")
    assert early[median] == pytest.approx(0, abs=1e-5)
    assert early[mean] == pytest.approx(np.log(0.6 / 0.9), abs=1e-5)
    assert normal[mean] == pytest.approx(np.log(1.8 / 0.9), abs=1e-5)


def test_an_early_beat_with_a_full_pause_shows_in_the_right_features() -> None:
    time = regular(30)
    time[20] -= 0.3
    before, after, ratio, previous = rhythm(time, 8)[20, :4]
    assert before == pytest.approx(np.log(0.5 / 0.8), abs=1e-5)
    assert after == pytest.approx(np.log(1.1 / 0.8), abs=1e-5)
    assert ratio == pytest.approx(np.log(0.5 / 1.1), abs=1e-5)
    assert previous == pytest.approx(0, abs=1e-5)
    assert rhythm(time, 8)[21, 3] == pytest.approx(np.log(0.5 / 0.8), abs=1e-5)


def test_the_persons_rate_cancels_in_the_ratios() -> None:
    time = np.cumsum(np.random.default_rng(0).uniform(0.7, 0.9, 40))
    slow, fast = (
        np.delete(rhythm(time * factor, 8), FEATURES.index("log(median) + 0.2"), axis=1) for factor in (1.4, 0.7)
    )
    np.testing.assert_allclose(slow, fast, atol=1e-5)


def test_beats_after_the_next_one_change_nothing() -> None:
    time = np.cumsum(np.random.default_rng(0).uniform(0.6, 1.0, 60))
    for last in (2, 5, 20, 40):
        features = rhythm(time[: last + 1], 8)[:last]  # the last beat has no next one yet
        np.testing.assert_array_equal(features, rhythm(time, 8)[:last])


def test_an_absurd_interval_stays_finite() -> None:
    time = np.concatenate([regular(20), 16 + regular(20) + 3600, [3632.0, 3632.0]])
    assert np.isfinite(rhythm(time, 8)).all()
    assert np.abs(rhythm(time, 8)).max() <= 4


def test_a_single_beat_has_no_rhythm() -> None:
    with pytest.raises(ValueError, match="at least two beats"):
        rhythm(np.array([1.0]), 8)
