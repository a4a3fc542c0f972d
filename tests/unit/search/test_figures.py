"""Worked counts of what a candidate is judged by."""

import numpy as np
import pytest

from bedside.errors import RefusedError
from bedside.gates import Budget
from bedside.search.figures import overruns, quality, shortfalls
from bedside.search.settings import Floor

LABEL = np.array([0, 0, 1, 1, 2])
LOGITS = np.array([[3, 0, 0], [0, 3, 0], [0, 3, 0], [0, 2, 0], [3, 0, 2]], np.float32)


def test_the_worst_class_counts() -> None:
    found = quality(LOGITS, LABEL, ["N", "V", "S"], ("V", "S"))
    assert [found["V_recall"], found["V_precision"]] == pytest.approx([1.0, 2 / 3])
    assert [found["S_recall"], found["S_precision"]] == [0.0, 0.0]
    assert found["worst_average_precision"] == found["V_average_precision"] < found["S_average_precision"] == 1.0


def test_a_class_that_no_validation_patient_has_cannot_be_watched() -> None:
    with pytest.raises(RefusedError, match="no validation patient has a window of class S"):
        quality(LOGITS[:4], LABEL[:4], ["N", "V", "S"], ("V", "S"))


def test_a_floor_is_missed_by_what_is_missing() -> None:
    floors = {"V": Floor(recall=0.9, precision=0.5)}
    missed = shortfalls(floors, {"validation/V_recall": 0.8, "validation/V_precision": 0.6}, "validation/")
    assert missed == {"V_recall": pytest.approx(0.1), "V_precision": pytest.approx(-0.1)}


def test_a_cost_that_nothing_tells_is_no_overrun() -> None:
    budget = Budget(size_bytes=1000, p99_ms=2.0, peak_rss_mb=100.0, slower=0.1, cheaper=0.1)
    assert overruns(budget, {"size_bytes": 1500, "p99_ms": 1.0, "peak_rss_mb": None}) == {
        "size_bytes": 0.5,
        "p99_ms": -0.5,
    }
