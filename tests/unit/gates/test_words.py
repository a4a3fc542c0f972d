"""A verdict speaks of what its task decides, and asks about a background only where there is one."""

import dataclasses
import json
from typing import Any

import pytest

from bedside.errors import RefusedError
from bedside.evaluation import Predictions
from bedside.gates import Case, judge
from bedside.outcome import Outcome
from bedside.tasks.ecg_beats.outcome import OUTCOME
from tests.support import limits
from tests.support.cohort import Cohort, Wrong, everyone, measured

COHORT = Cohort()
SLEEP = OUTCOME.model_copy(
    update={
        "unit": OUTCOME.unit.model_copy(update={"one": "epoch", "many": "epochs"}),
        "subject": OUTCOME.subject.model_copy(update={"one": "sleeper", "many": "sleepers"}),
        "background": None,
        "neither": {},
    }
)
WITHOUT = limits.gates("G3.normal_specificity", None)


def judged(outcome: Outcome, wrong: Wrong, gates: Any = WITHOUT) -> dict[str, Any]:
    def of(answers: Predictions) -> Predictions:
        return dataclasses.replace(answers, outcome=outcome)

    candidate, reference = of(COHORT.answers(wrong)), of(COHORT.answers({}))
    return judge(Case(measured(COHORT.evidence(candidate, reference)), candidate, reference, gates, limits.BUDGET))


def texts(verdict: dict[str, Any]) -> str:
    claims = [claim["reason"] for claim in verdict["claims"].values()]
    gates = [told for gate in verdict["gates"] for told in (gate["reason"], gate["plain"], *gate["failing"])]
    return "\n".join([verdict["reason"], verdict["plain"], *claims, *gates])


@pytest.mark.parametrize("missed", [0, 5, 40])
def test_a_verdict_takes_its_nouns_from_the_task(missed: int) -> None:
    told = texts(judged(SLEEP, everyone(COHORT, "V", missed, "N")))
    assert "epochs" in told
    assert "sleepers" in told
    assert "beat" not in told
    assert "patient" not in told


def test_the_intended_use_names_classes_of_units() -> None:
    assert judged(SLEEP, {})["reason"] == "all gates hold; intended use: V, S epochs"


def test_without_a_background_nobody_asks_how_much_of_it_stays() -> None:
    everything = {(patient, "N"): (300, "V") for patient in range(COHORT.patients)}
    gate = next(gate for gate in judged(SLEEP, everything)["gates"] if gate["id"] == "G3")
    assert (gate["status"], "specificity" in json.dumps(gate["values"])) == ("PASS", False)


def test_a_number_for_a_background_that_the_task_does_not_name_is_refused() -> None:
    with pytest.raises(RefusedError, match="asks about a background class, and the task names none: set it to null"):
        judged(SLEEP, {}, limits.gates())


def test_a_background_without_a_number_is_refused() -> None:
    with pytest.raises(RefusedError, match="no number, and class 'N' is the task's background: give it one"):
        judged(OUTCOME, {}, WITHOUT)
