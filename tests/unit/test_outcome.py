"""What a task decides is data: it travels with the windows, and whoever reads it gets it back or a refusal."""

import json
from typing import Any

import pydantic
import pytest

from bedside.artifacts import open_artifact
from bedside.errors import RefusedError
from bedside.outcome import Outcome, outcome_of
from bedside.tasks.base import Task
from bedside.tasks.ecg_beats.outcome import OUTCOME
from tests.conftest import MakeArtifact
from tests.support.outcomes import deciding


def test_every_task_says_what_it_decides_and_json_brings_it_back() -> None:
    needed = {"outcome": deciding("quiet", "event").model_dump(mode="json")}
    epochs = {"channels": ["Fz"], "rate": 128, "seconds": 4, "by_record": {"a": "quiet"}}
    for kind, task in Task.family().items():
        outcome = task.model_validate({"windows": needed, "epochs": {**needed, **epochs}}.get(kind, {})).outcome
        told = {"outcome": json.loads(json.dumps(outcome.model_dump(mode="json")))}
        assert Outcome.of(told, "dataset.json", "") == outcome


def test_a_task_in_its_own_package_is_found_and_brings_its_split_and_its_suite() -> None:
    from bedside.quality.base import Validate
    from bedside.tasks.splits.base import Split

    assert "ecg-arrhythmia" in Task.family()
    assert {"by-share", "de-chazal"} <= Split.family().keys()
    assert {"recordings", "windows"} <= Validate.family().keys()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"background": "W"}, "background: no class 'W'; there are N, S"),
        ({"neither": {"N": ["W"]}}, "neither: no class 'W'"),
        ({"neither": {"W": ["N"]}}, "neither: no class 'W'"),
        ({"watched": ["W"]}, "watched: no class 'W'"),
        ({"rare": ["W"]}, "rare: no class 'W'"),
        ({"gravest": ["W"]}, "gravest: no class 'W'"),
        ({"names": {"W": "wake"}}, "names: no class 'W'"),
        ({"macro": {"classes": ["W"]}}, "macro.classes: no class 'W'"),
        ({"classes": ["N", "N"]}, "classes: N, N has one of them twice"),
        ({"watched": []}, "watched"),
        ({"noun": "epoch"}, "noun"),
        ({"unit": {"one": "a | b", "many": "<b>"}}, "unit.one"),
    ],
)
def test_an_outcome_that_names_a_class_it_does_not_have_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=words):
        deciding("N", "S", **wrong)


@pytest.mark.parametrize("told", [{}, {"outcome": None}, {"outcome": {"classes": ["A", "B"]}}, {"classes": ["A", "B"]}])
def test_a_dataset_that_does_not_say_what_is_decided_is_refused_with_the_next_step(
    make_artifact: MakeArtifact, told: dict[str, Any]
) -> None:
    dataset = open_artifact(make_artifact("dataset", {"dataset.json": json.dumps(told)}))
    with pytest.raises(RefusedError, match=r"dataset: does not say what is decided \(outcome.*\); prepare it again"):
        outcome_of(dataset)


def test_the_gravest_classes_come_first_and_those_that_nobody_ranked_last() -> None:
    assert deciding("N", "S", "V", gravest=["V"]).by_gravity() == ["V", "N", "S"]
    assert OUTCOME.by_gravity() == ["V", "F", "S", "N"]
