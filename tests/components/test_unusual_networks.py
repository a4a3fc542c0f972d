"""Networks of unusual shape through every technique: what cannot take one says so before it trains anything."""

import importlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bedside.artifacts import open_artifact
from bedside.component import Component
from bedside.errors import RefusedError
from bedside.models import load
from bedside.training.stages import parameters
from components.export import export
from components.optimize import optimize
from components.prune import prune
from components.train_teacher import train_teacher
from tests.cohort import Cohort
from tests.components.test_every_technique import TECHNIQUES, words

SHORT: dict[str, Any] = {"epochs": 1, "sampling": {"windows": 128, "batch": 64}}
HALF: dict[str, Any] = {"kind": "one_shot", "ratio": 0.5, "multiple": 2}
SHAPES: dict[str, Any] = {
    "lstm-alone": {"convolutions": [], "lstm": [32], "head": 16},
    "head-alone": {"convolutions": [], "head": 16},
}
NO_CONVOLUTIONS = ["lstm-alone", "head-alone"]
# What gains nothing of a shape, or takes no such network, and the words in which it says so.
REFUSED = {
    **dict.fromkeys(product(["substitute"], NO_CONVOLUTIONS), "spared: no layer 'convolutions.0' in the parent"),
    **dict.fromkeys(product(["early_exit"], NO_CONVOLUTIONS), "the parent has 0 convolution blocks"),
    **dict.fromkeys(product(["quantize"], NO_CONVOLUTIONS), "would run all of it in float"),
    **dict.fromkeys(product(["cascade"], SHAPES), "ship the first"),  # which is its own teacher here
}


@pytest.fixture(scope="module", params=SHAPES)
def teacher(request: pytest.FixtureRequest, cohort: Cohort, approval: Path) -> Path:
    path = cohort.dataset.parent / str(request.param)
    params = {"architecture": {"kind": "cnn_lstm", **SHAPES[request.param]}, "training": SHORT}
    train_teacher(dataset=cohort.dataset, approval=approval, teacher=path, params=params)
    return path


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_takes_it_or_says_why_not(name: str, cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    technique: Component = getattr(importlib.import_module(f"components.{name}"), name)
    ports = {"dataset": cohort.dataset, "teacher": teacher, "parent": teacher, "student": tmp_path / name}
    example = words(name, "example")
    if (name, teacher.name) in REFUSED:
        if "training" in example:
            example = {**example, "training": {**example["training"], "learning_rate": 1e20}}  # it is not even begun
        with pytest.raises(RefusedError) as refused:
            technique(**ports, params=example)
        assert REFUSED[name, teacher.name] in str(refused.value)
        return
    technique(**ports, params=example)
    answers_on_every_target(cohort, tmp_path / name, tmp_path)


def answers_on_every_target(cohort: Cohort, model: Path, folder: Path) -> None:
    export(dataset=cohort.dataset, model=model, graph=folder / "graph", params={})
    parity = open_artifact(folder / "graph").json("parity.json")
    assert parity["max_abs_difference"] < (1e-4 if parity["kind"] == "fp32" else 0.5), parity
    assert parity["label_changes"] <= (0 if parity["kind"] == "fp32" else 0.05 * parity["windows"]), parity
    for kind in ("onnxruntime", "openvino"):
        optimize(graph=folder / "graph", optimized=folder / kind, target={"kind": kind})
        there = open_artifact(folder / kind).json("parity.json")["on_target"]
        assert np.isfinite(there["max_abs_difference"])


def test_half_of_it_is_pruned_away(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    prune(
        dataset=cohort.dataset,
        teacher=teacher,
        parent=teacher,
        student=tmp_path / "half",
        params={"schedule": HALF, "training": SHORT},
    )
    before, after = (parameters(load(open_artifact(model))) for model in (teacher, tmp_path / "half"))
    assert after < 0.6 * before
    answers_on_every_target(cohort, tmp_path / "half", tmp_path)
