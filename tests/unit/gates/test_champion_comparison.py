"""A challenger against the present champion, by the rule of G5 on the same windows."""

import numpy as np
import pytest

from bedside.errors import RefusedError
from bedside.gates import non_inferior
from tests.support.cohort import Cohort, everyone
from tests.support.limits import gates

COHORT = Cohort()
LIMITS = gates().G5
GOOD = COHORT.answers({})


def test_a_challenger_with_the_same_answers_may_replace_the_champion() -> None:
    assert non_inferior(GOOD, GOOD, LIMITS, ["V"]).status == "PASS"


def test_a_challenger_that_misses_more_may_not() -> None:
    worse = COHORT.answers(everyone(COHORT, "V", 2, "N"))
    found = non_inferior(worse, GOOD, LIMITS, ["V"])
    assert found.status == "FAIL"
    assert "V sensitivity -0.0400, at worst -0.0400" in found.reason


def test_a_challenger_that_gave_up_a_claim_of_the_champion_may_not() -> None:
    without_s = COHORT.answers(everyone(COHORT, "S", 1, "N"))
    assert non_inferior(without_s, GOOD, LIMITS, ["V"]).status == "PASS"
    assert non_inferior(without_s, GOOD, LIMITS, ["V", "S"]).status == "FAIL"


def test_other_windows_are_refused() -> None:
    other = Cohort(patients=13).answers({})
    with pytest.raises(RefusedError, match="not the same test windows: 6305 against 6790"):
        non_inferior(other, GOOD, LIMITS, ["V"])


def test_the_same_windows_with_other_labels_are_refused() -> None:
    relabelled = COHORT.predictions(np.maximum(COHORT.label, 0), label=np.roll(COHORT.label, 1))
    with pytest.raises(RefusedError, match="not the same test windows"):
        non_inferior(relabelled, GOOD, LIMITS, ["V"])
