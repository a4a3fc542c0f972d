"""Counting as ANSI/AAMI EC57 and its reference implementation do."""

import numpy as np
import pytest

from bedside.evaluation import counts
from bedside.evaluation.predictions import Ints
from bedside.tasks.ecg_beats.outcome import OUTCOME
from tests.support.cohort import Cohort, everyone

# rows N S V F Q, columns n s v f
WORKED: Ints = np.array([[90, 4, 3, 0], [1, 5, 1, 0], [2, 0, 7, 1], [1, 2, 2, 3], [0, 1, 1, 0]])


def pair(share: tuple[Ints, Ints]) -> tuple[int, int]:
    return int(share[0]), int(share[1])


def test_v_sensitivity_is_the_share_of_reference_v_beats_called_v() -> None:
    assert pair(counts.sensitivity(WORKED, OUTCOME, "V")) == (7, 10)


def test_f_and_q_beats_called_v_are_neither_true_nor_false_v() -> None:
    assert pair(counts.predictivity(WORKED, OUTCOME, "V")) == (7, 3 + 1 + 7)


def test_q_beats_called_s_do_not_count_but_f_beats_called_s_are_false_s() -> None:
    assert pair(counts.predictivity(WORKED, OUTCOME, "S")) == (5, 4 + 5 + 0 + 2)


def test_f1_follows_from_these_counts() -> None:
    assert counts.f1(WORKED, OUTCOME, "V") == pytest.approx(2 * 7 / (10 + 11))


def test_accuracy_leaves_q_out() -> None:
    assert counts.accuracy(WORKED) == pytest.approx((90 + 5 + 7 + 3) / 122)


def test_counts_equal_the_formulas_of_bxb_on_any_table() -> None:
    for seed in range(20):
        table = np.random.default_rng(seed).integers(0, 50, (5, 4))
        (nn, ns, nv, _), (sn, ss, sv, sf), (vn, vs, vv, vf), (_, fs, _, _), _ = table.tolist()
        assert pair(counts.sensitivity(table, OUTCOME, "V")) == (vv, vv + vn + vs + vf)
        assert pair(counts.predictivity(table, OUTCOME, "V")) == (vv, vv + nv + sv)
        assert pair(counts.sensitivity(table, OUTCOME, "S")) == (ss, ss + sn + sv + sf)
        assert pair(counts.predictivity(table, OUTCOME, "S")) == (ss, ss + ns + vs + fs)
        assert nn <= counts.predictivity(table, OUTCOME, "N")[1]


def test_the_table_of_a_patient_holds_its_beats_where_they_belong() -> None:
    cohort = Cohort(patients=2, beats={"N": 5, "V": 4, "Q": 2})
    answers = cohort.answers({(1, "V"): (3, "S")})
    table = counts.tables(answers, answers.patient, 2)
    assert table[0].tolist() == [[5, 0, 0, 0], [0, 0, 0, 0], [0, 0, 4, 0], [0, 0, 0, 0], [2, 0, 0, 0]]
    assert table[1].tolist() == [[5, 0, 0, 0], [0, 0, 0, 0], [0, 3, 1, 0], [0, 0, 0, 0], [2, 0, 0, 0]]


def test_a_class_without_beats_or_answers_has_no_shares() -> None:
    empty = np.zeros((5, 4), dtype=np.int64)
    assert np.isnan(counts.ratio(*counts.sensitivity(empty, OUTCOME, "V")))
    assert np.isnan(counts.ratio(*counts.predictivity(empty, OUTCOME, "V")))
    assert np.isnan(counts.macro_f1(empty, OUTCOME, OUTCOME.classes))
    assert np.isnan(counts.accuracy(empty))


def test_macro_f1_averages_only_the_classes_that_are_named_and_present() -> None:
    cohort = Cohort(patients=2, beats={"N": 8, "V": 4, "F": 2})
    table = counts.tables(answers := cohort.answers(everyone(cohort, "V", 2, "N")), answers.patient, 2).sum(0)
    normal, ventricular = 2 * 16 / (16 + 20), 2 * 4 / (8 + 4)
    assert counts.macro_f1(table, OUTCOME, ("N", "S", "V")) == pytest.approx((normal + ventricular) / 2)
