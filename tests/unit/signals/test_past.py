"""Statistics of the past know nothing of the present, and equal a loop that anyone can read."""

import numpy as np
import pytest

from bedside.signals.past import past_deviation, past_mean, past_median


@pytest.mark.parametrize("count", [1, 2, 5, 8, 48])
@pytest.mark.parametrize("rows", [1, 2, 7, 120])
def test_the_past_median_equals_a_plain_loop(count: int, rows: int) -> None:
    values = np.random.default_rng(rows).normal(size=(rows, 3)).astype(np.float32)
    expected = [values[0], *(np.median(values[max(0, i - count) : i], axis=0) for i in range(1, rows))]
    np.testing.assert_allclose(past_median(values, count), expected, rtol=1e-6)
    np.testing.assert_allclose(past_median(values[:, 0], count), np.array(expected)[:, 0], rtol=1e-6)


def test_the_worked_count_of_the_docstring_holds() -> None:
    assert past_median(np.array([4.0, 1.0, 9.0, 2.0]), 2).tolist() == [4.0, 4.0, 2.5, 5.0]


@pytest.mark.parametrize("rows", [1, 2, 3, 8, 9, 60])
def test_the_past_mean_equals_a_plain_loop(rows: int) -> None:
    values = np.random.default_rng(rows).normal(size=rows)
    expected = [values[0], *(values[max(0, i - 8) : i].mean() for i in range(1, rows))]
    np.testing.assert_allclose(past_mean(values, 8), expected, atol=1e-12)


@pytest.mark.parametrize("rows", [1, 2, 3, 8, 9, 60])
def test_the_past_deviation_equals_a_plain_loop(rows: int) -> None:
    values = np.random.default_rng(rows).normal(size=rows)
    expected = [0.0, 0.0, *(values[max(0, i - 8) : i].std() for i in range(2, rows))][:rows]
    np.testing.assert_allclose(past_deviation(values, 8), expected)


def test_a_row_changes_nothing_before_itself() -> None:
    values = np.random.default_rng(0).normal(size=(100, 2))
    changed = values.copy()
    changed[60:] += 5
    np.testing.assert_array_equal(past_median(changed, 9)[:61], past_median(values, 9)[:61])
    for past in (past_mean, past_deviation):
        np.testing.assert_array_equal(past(changed[:, 0], 9)[:61], past(values[:, 0], 9)[:61])
    assert (past_median(changed, 9)[61:] != past_median(values, 9)[61:]).any()
