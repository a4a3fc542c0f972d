"""Intervals over patients: worked values, and coverage on simulated patients."""

import numpy as np
import pytest

from bedside.evaluation import intervals
from bedside.evaluation.calibration import expected_error
from bedside.evaluation.inferiority import difference
from benchmarks.statistics_coverage import COVERAGE, LOSSES, OUTCOME, _table, acceptance, coverage

ALIKE = np.full(12, 50)


def test_wilson_gives_the_known_interval_of_nine_in_ten() -> None:
    assert intervals.wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-3)


def test_wilson_of_nothing_is_nothing() -> None:
    assert np.isnan(intervals.wilson(0, 0)).all()


def test_every_resample_draws_as_many_patients_as_there_are() -> None:
    weights = intervals.resamples(7, 100, seed=3)
    assert weights.shape == (100, 7)
    assert (weights.sum(1) == 7).all()


def test_unlike_patients_make_the_interval_wider_than_beats_alone_would() -> None:
    hits = np.array([50] * 9 + [10] * 3)
    found = intervals.gross(hits, ALIKE, intervals.resamples(12, 2000, 0))
    naive = intervals.wilson(hits.sum(), ALIKE.sum())
    assert found.high - found.low > 3 * (naive.high - naive.low)
    assert found.low < 480 / 600 < found.high


def test_patients_who_all_agree_do_not_promise_certainty() -> None:
    found = intervals.gross(ALIKE, ALIKE, intervals.resamples(12, 500, 0))
    assert found == pytest.approx(intervals.wilson(600, 600))


def test_the_average_of_patients_who_all_agree_is_no_surer_than_so_many_patients_can_be() -> None:
    total = np.array([5, 6, 7, 7, 8, 8])
    weights = intervals.resamples(6, 500, 0)
    found = intervals.average(total, total, weights, 5)
    assert found == pytest.approx(intervals.wilson(6, 6))
    one_miss = intervals.average(total - np.array([1, 0, 0, 0, 0, 0]), total, weights, 5)
    assert one_miss.low < found.low


def test_the_average_of_patients_who_differ_keeps_the_interval_that_their_spread_gives() -> None:
    hits = np.array([40, 41, 42, 43, 44, 45, 46, 47, 45, 44, 43, 42])
    found = intervals.average(hits, ALIKE, intervals.resamples(12, 2000, 0), 5)
    assert 0.02 < found.high - found.low < 0.10


def test_one_patient_gives_no_interval() -> None:
    total = np.array([100, 0, 0])
    assert np.isnan(intervals.gross(total, total, intervals.resamples(3, 50, 0))).all()
    assert np.isnan(intervals.average(total, total, intervals.resamples(3, 50, 0), 5)).all()


def test_one_large_patient_counts_as_little_more_than_one() -> None:
    assert intervals.effective(np.array([90, 5, 5])) == pytest.approx(1.227, abs=1e-3)
    assert intervals.effective(np.array([30, 30, 30])) == pytest.approx(3)
    assert intervals.effective(np.zeros(3, dtype=np.int64)) == 0


def test_few_effective_patients_widen_the_cautious_interval() -> None:
    total = np.array([800, 30, 30, 30, 30, 30])
    hits = np.array([760, 20, 25, 28, 30, 29])
    weights = intervals.resamples(6, 2000, 0)
    plain = intervals.gross(hits, total, weights)
    cautious = intervals.gross(hits, total, weights, clusters=intervals.effective(total))
    assert cautious.low < plain.low
    assert cautious.high > plain.high


def test_equal_answers_differ_by_exactly_nothing() -> None:
    table = _table(np.array([40, 45]), np.array([50, 50]))
    apart = difference(table, table, OUTCOME, "V", metric="sensitivity", weights=intervals.resamples(2, 100, 0))
    assert (apart.gross, apart.gross_lower, apart.average_lower) == (0, 0, 0)
    assert apart.above(0.02)


def test_one_patient_alone_can_never_show_non_inferiority() -> None:
    now, before = _table(np.array([50, 0]), np.array([50, 0])), _table(np.array([49, 0]), np.array([50, 0]))
    apart = difference(now, before, OUTCOME, "V", metric="sensitivity", weights=intervals.resamples(2, 100, 0))
    assert apart.gross > 0
    assert not apart.above(0.02)


def test_a_loss_in_one_of_ten_patients_is_seen_by_the_lower_bounds() -> None:
    total, before = np.full(10, 50), np.full(10, 48)
    now = before - np.array([0] * 9 + [10])
    weights = intervals.resamples(10, 2000, 0)
    apart = difference(_table(now, total), _table(before, total), OUTCOME, "V", metric="sensitivity", weights=weights)
    assert apart.gross == pytest.approx(-10 / 500)
    assert apart.gross_lower < -0.05
    assert not apart.above(0.03)


def test_calibration_error_of_the_worked_example() -> None:
    assert expected_error(np.full(4, 0.8), np.array([1.0, 1.0, 0.0, 0.0])) == pytest.approx(0.3)


def test_patient_intervals_cover_the_truth_where_naive_ones_do_not() -> None:
    for world in COVERAGE[:4]:
        shares = coverage(world, trials=250, replicates=200, seed=7)
        assert shares["naive Wilson"] < 0.6, world.name
        assert shares["gross, P - 1"] > 0.78, world.name
        assert shares["gross, effective"] > 0.86, world.name
        assert shares["average"] > 0.88, world.name


def test_a_model_exactly_delta_worse_is_rarely_accepted_and_an_equal_one_nearly_always() -> None:
    alike, unlike, _, twice, equal = (
        acceptance(COVERAGE[0], loss, trials=250, replicates=200, seed=7) for loss in LOSSES
    )
    rule, textbook = "G5: gross 99.5% and average 97.5%", "textbook: gross 97.5%"
    assert alike[rule] < 0.05
    assert unlike[rule] < 0.10
    assert unlike[rule] < unlike[textbook]
    assert twice[rule] < 0.03
    assert equal[rule] > 0.85
