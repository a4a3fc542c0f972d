"""Networks of unusual shape through every technique: what cannot take one says so before it trains anything."""

import importlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bedside.artifacts import open_artifact
from bedside.component import Component
from bedside.datasets.inputs import rows
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.models import load
from bedside.targets import Target
from bedside.training.stages import parameters
from components.export import export
from components.optimize import optimize
from components.prune import prune
from components.quantize import quantize
from components.train_teacher import train_teacher
from tests.cohort import Cohort
from tests.components.test_every_technique import TECHNIQUES, words
from tests.support.networks import tensors

SHORT: dict[str, Any] = {"epochs": 1, "sampling": {"windows": 128, "batch": 64}}
HALF: dict[str, Any] = {"kind": "one_shot", "ratio": 0.5, "multiple": 2}
SHAPES: dict[str, Any] = {
    "lstm-alone": {"convolutions": [], "lstm": [32], "head": 16},
    "head-alone": {"convolutions": [], "head": 16},
    "causal": {
        "convolutions": [
            {"channels": 8, "kernel": 7, "stride": 4, "causal": True},
            {"channels": 16, "kernel": 5, "dilation": 3, "causal": True},
            {"channels": 16, "kernel": 3, "dilation": 2},
        ],
        "lstm": [16],
        "head": 16,
    },
}
NO_CONVOLUTIONS = ["lstm-alone", "head-alone"]
# What gains nothing of a shape, or takes no such network, and the words in which it says so.
REFUSED = {
    **dict.fromkeys(product(["substitute"], NO_CONVOLUTIONS), "substitute removed 0.0%"),
    **dict.fromkeys(product(["early_exit"], NO_CONVOLUTIONS), "the network has no module 'convolutions.0'"),
    **dict.fromkeys(product(["quantize"], NO_CONVOLUTIONS), "would run all of it in float"),
    **dict.fromkeys(product(["cascade"], SHAPES), "ship the first"),  # which is its own teacher here
}


def taught(cohort: Cohort, approval: Path, shape: str) -> Path:
    path = cohort.dataset.parent / shape
    params = {"architecture": {"kind": "cnn_lstm", **SHAPES[shape]}, "training": SHORT}
    train_teacher(dataset=cohort.dataset, approval=approval, teacher=path, params=params)
    return path


@pytest.fixture(scope="module", params=SHAPES)
def teacher(request: pytest.FixtureRequest, cohort: Cohort, approval: Path) -> Path:
    return taught(cohort, approval, str(request.param))


@pytest.fixture(scope="module")
def causal(cohort: Cohort, approval: Path) -> Path:
    return taught(cohort, approval, "causal")


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
    near = 1e-4 if parity["kind"] == "fp32" else 0.05
    assert parity["max_abs_difference"] < near, parity
    windows = load_split(open_artifact(cohort.dataset), "validation")
    some = rows(windows.inputs, slice(64))
    with torch.no_grad():
        expected = load(open_artifact(model))(**tensors(some)).numpy()
    for kind in ("onnxruntime", "openvino"):
        optimize(graph=folder / "graph", optimized=folder / kind, target={"kind": kind})
        runner = Target.build({"kind": kind}).session((folder / kind / "model.onnx").read_bytes())
        # A target leaves out grids that only a float layer reads, and with them the clipping of a value beyond them.
        np.testing.assert_allclose(runner(some), expected, atol=2 * near)


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


@pytest.mark.parametrize(
    "params", [{"activations": 16}, {"activations": "dynamic"}, {"mixed": {"worst": 2}}], ids=["16", "dynamic", "mixed"]
)
def test_a_causal_network_is_quantized_in_every_way(
    causal: Path, cohort: Cohort, tmp_path: Path, params: dict[str, Any]
) -> None:
    ports = {"dataset": cohort.dataset, "teacher": causal, "parent": causal, "student": tmp_path / "student"}
    quantize(**ports, params={**words("quantize", "example"), **params})
    answers_on_every_target(cohort, tmp_path / "student", tmp_path)


def test_a_causal_int8_convolution_is_one_integer_kernel_without_a_padding_before_it(
    causal: Path, cohort: Cohort, tmp_path: Path
) -> None:
    ports = {"dataset": cohort.dataset, "teacher": causal, "parent": causal, "student": tmp_path / "student"}
    quantize(**ports, params=words("quantize", "example"))
    export(dataset=cohort.dataset, model=tmp_path / "student", graph=tmp_path / "graph", params={})
    optimize(graph=tmp_path / "graph", optimized=tmp_path / "optimized", target={"kind": "onnxruntime"})
    audit = open_artifact(tmp_path / "optimized").json("audit.json")
    assert audit["integer_operators"]["QLinearConv"] == 3
    assert "Pad" not in audit["operators_before"]
