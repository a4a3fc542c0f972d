"""G19: what bought time with a trick must have it, by what was timed in turns on this target."""

from typing import Any

import pytest

from bedside.gates import Budget, judge
from bedside.gates.case import Case
from tests.support.cohort import Cohort, measured
from tests.support.limits import BUDGET, gates

COHORT = Cohort()
ANSWERS = COHORT.answers({})
INT8 = {"kind": "int8", "max_abs_difference": 0.8, "label_changes": 3, "windows": 512}
LOOSE = BUDGET.model_copy(update={"slower": 0.5, "cheaper": -0.5})


def against(kind: str, median: float, **changes: Any) -> dict[str, Any]:
    figures = {"kind": kind, "what": "", "median": median, "lowest": median - 0.01, "highest": median + 0.02}
    return {**figures, "pairs": [median], "least_runs": 500, **changes}


def g19(
    plain: dict[str, Any] | None, budget: Budget = BUDGET, label: str = "measured", **changes: Any
) -> tuple[str, str]:
    """Status and reason of the gate."""
    evidence = measured(COHORT.evidence(ANSWERS, ANSWERS), **changes)
    evidence["latency"]["against_plain"] = plain
    evidence["provenance"]["latency.against_plain.median"] = label
    verdict = judge(Case(evidence, ANSWERS, ANSWERS, gates(), budget))
    found = next(gate for gate in verdict["gates"] if gate["id"] == "G19")
    return found["status"], found["reason"]


def test_integers_that_are_slower_than_their_float_parent_fail_in_words() -> None:
    status, reason = g19(against("float", 1.31))
    assert status == "FAIL"
    assert "slower than its float parent: 1.31 times as long (pairs in turns from 1.3 to 1.33; at most 1.1)" in reason
    assert "on x86-64 avx2: fails" in reason


@pytest.mark.parametrize(("median", "status"), [(0.3, "PASS"), (1.1, "PASS"), (1.101, "FAIL")])
def test_noise_is_tolerated_and_no_more(median: float, status: str) -> None:
    assert g19(against("float", median))[0] == status


def test_each_target_says_how_much_it_tolerates() -> None:
    assert g19(against("float", 1.31), LOOSE)[0] == "PASS"
    assert g19(against("second", 1.31), LOOSE)[0] == "PASS"


@pytest.mark.parametrize(("median", "status"), [(0.1, "PASS"), (0.9, "PASS"), (0.91, "FAIL"), (1.05, "FAIL")])
def test_two_networks_must_save_a_tenth_of_what_the_second_takes_alone(median: float, status: str) -> None:
    found, reason = g19(against("second", median))
    assert found == status
    assert ("not cheaper than the second network alone" in reason) == (status == "FAIL")


def test_a_float_graph_of_one_network_has_nothing_to_be_held_against() -> None:
    assert g19(None) == (
        "PASS",
        "one network in float: there is no faster or slower way to the same answers to hold it against",
    )


@pytest.mark.parametrize(
    "changes", [{"parity": {**INT8, "on_target": INT8}}, {"adaptive": {"switch_rate": 0.1}}, {"parity": {}}]
)
def test_integers_and_pairs_that_were_not_timed_beside_anything_fail(changes: dict[str, Any]) -> None:
    status, reason = g19(None, **changes)
    assert status == "FAIL"
    assert reason.startswith("the evidence holds no latency.against_plain (optimize and evaluate the graph again)")


@pytest.mark.parametrize("label", ["emulated", "estimated", "not available"])
def test_only_what_was_measured_counts(label: str) -> None:
    status, reason = g19(against("float", 0.3), label=label)
    assert status == "FAIL"
    assert f"is {label}, not measured" in reason


@pytest.mark.parametrize(
    "broken",
    [
        against("float", 0.3, least_runs=99),
        against("float", float("nan")),
        against("half", 0.3),
        {"kind": "float", "median": 0.3},
        {"kind": "float", "median": "fast"},
    ],
)
def test_a_figure_of_few_runs_or_none_at_all_fails(broken: dict[str, Any]) -> None:
    assert g19(broken)[0] == "FAIL"


def test_times_of_nobody_knows_which_cpu_fail() -> None:
    status, reason = g19(against("float", 0.3), environment={"cpu": "A Chip"})
    assert status == "FAIL"
    assert "does not say which kind of CPU" in reason
