"""The scorer counts by the rules of the outcome that sets it up; the worked counts are those of its docstrings."""

import numpy as np
import pytest

from bedside.evaluation import counts
from bedside.evaluation.predictions import Ints
from tests.support.outcomes import deciding

OUTCOME = deciding("A", "B", "C", "D", neither={"B": ["D"]})
# rows A B C D unscored, columns a b c d
WORKED: Ints = np.array([[90, 3, 4, 0], [2, 7, 0, 1], [1, 1, 5, 0], [1, 2, 2, 3], [0, 1, 1, 0]])


def pair(share: tuple[Ints, Ints]) -> tuple[int, int]:
    return int(share[0]), int(share[1])


def test_what_is_called_b_counts_unless_it_is_unscored_or_neither() -> None:
    assert pair(counts.sensitivity(WORKED, OUTCOME, "B")) == (7, 10)
    assert int(WORKED[:, 1].sum()) == 14
    assert pair(counts.predictivity(WORKED, OUTCOME, "B")) == (7, 11)
    assert counts.f1(WORKED, OUTCOME, "B") == pytest.approx(14 / 21)


def test_a_rule_about_one_answer_is_none_about_another() -> None:
    assert pair(counts.predictivity(WORKED, OUTCOME, "C")) == (5, 4 + 5 + 0 + 2)


def test_without_such_a_rule_only_the_unscored_are_left_out() -> None:
    assert pair(counts.predictivity(WORKED, deciding("A", "B", "C", "D"), "B")) == (7, 13)


def test_accuracy_leaves_the_unscored_out() -> None:
    assert counts.accuracy(WORKED) == pytest.approx((90 + 7 + 5 + 3) / 122)
