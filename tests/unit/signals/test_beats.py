"""Windows lie around their peaks, on the scale of past beats alone."""

import numpy as np

from bedside.signals.beats import SMALLEST_MV, against_template, cut, normalize


def test_a_window_holds_the_samples_around_its_peak() -> None:
    signal = np.arange(100, dtype=np.float32)
    windows = cut(signal, np.array([10, 50]), before=3, after=4)
    assert windows.tolist() == [[7, 8, 9, 10, 11, 12, 13], [47, 48, 49, 50, 51, 52, 53]]


def test_a_window_over_the_edge_repeats_the_edge() -> None:
    windows = cut(np.arange(10, dtype=np.float32), np.array([1, 9]), before=3, after=3)
    assert windows.tolist() == [[0, 0, 0, 1, 2, 3], [6, 7, 8, 9, 9, 9]]


def test_the_gain_of_the_amplifier_cancels() -> None:
    beats = np.random.default_rng(0).normal(size=(30, 12)).astype(np.float32)
    np.testing.assert_allclose(normalize(beats * 3.5, 8), normalize(beats, 8), rtol=1e-5)


def test_a_large_beat_is_large_in_the_scale_of_those_before_it() -> None:
    beats = np.tile(np.array([0, 1, 0, 0], dtype=np.float32), (10, 1))
    beats[6] *= 3
    assert normalize(beats, 4).max(axis=1).tolist() == [1, 1, 1, 1, 1, 1, 3, 1, 1, 1]


def test_a_flat_past_does_not_blow_up_what_follows() -> None:
    beats = np.zeros((5, 4), dtype=np.float32)
    beats[4, 1] = 1.0
    assert np.abs(normalize(beats, 4)).max() == np.float32(1.0 / SMALLEST_MV)


def test_the_second_channel_is_what_is_unlike_the_typical_beat_before() -> None:
    beats = np.tile(np.array([0, 1, 0, 0], dtype=np.float32), (6, 1))
    beats[5] = [0, 0, 2, 0]
    channels = against_template(beats, 4)
    assert channels.shape == (6, 2, 4)
    np.testing.assert_array_equal(channels[:, 0], beats)
    assert np.abs(channels[:5, 1]).max() == 0
    assert channels[5, 1].tolist() == [0, -1, 2, 0]
