"""Cascade and early exit of a tiny cohort: as true as asked, exported as one graph, refused where nothing is gained."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bedside.artifacts import Artifact, open_artifact
from bedside.datasets.inputs import shapes
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.graph.export import export
from bedside.graph.parity import parity
from bedside.models import load
from bedside.models.cnn_lstm import CnnLstm, ConvBlock
from bedside.models.switched import SwitchedNetwork
from bedside.training.stages import Validation, open_splits
from components.cascade import cascade
from components.early_exit import early_exit
from tests.cohort import Cohort
from tests.support.networks import model_artifact

BLOCKS = (ConvBlock(channels=8, kernel=7, stride=4), ConvBlock(channels=16, kernel=5, stride=2))
LARGE, SMALL = CnnLstm(convolutions=BLOCKS, lstm=(16,), head=8), CnnLstm(convolutions=BLOCKS[:1], head=4)
TRUE: dict[str, Any] = {"switching": {"fidelity": 0.9, "most": 1.0}}
EXIT: dict[str, Any] = {
    "switching": {"fidelity": 0.99, "most": 1.0},
    "after": "convolutions.0",
    "training": {"epochs": 1, "sampling": {"windows": 64, "batch": 64}},
}


@pytest.fixture(scope="module")
def models(cohort: Cohort) -> dict[str, Path]:
    """A large and a small network, trained for a moment by the plainest loop."""
    made = {}
    splits = open_splits(open_artifact(cohort.dataset), Validation())
    for name, shape, steps in (("large", LARGE, 15), ("small", SMALL, 2)):
        torch.manual_seed(1)
        fitted = splits.fitted(shape)
        network = fitted.network()
        optimizer = torch.optim.Adam(network.parameters(), 0.01)
        for _ in range(steps):
            answer = network(**splits.train.inputs)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(answer, splits.train.label).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        made[name] = model_artifact(cohort.dataset.parent / name, network, fitted).path
    return made


def made(
    technique: Any, cohort: Cohort, models: dict[str, Path], parent: str, *, student: Path, params: dict[str, Any]
) -> tuple[Artifact, dict[str, float]]:
    metrics = technique(
        dataset=cohort.dataset, teacher=models["large"], parent=models[parent], student=student, params=params
    )
    return open_artifact(student), metrics


@pytest.mark.parametrize(("technique", "parent", "params"), [(cascade, "small", TRUE), (early_exit, "large", EXIT)])
def test_the_pair_is_as_true_as_asked_and_becomes_one_graph(
    cohort: Cohort, models: dict[str, Path], tmp_path: Path, *, technique: Any, parent: str, params: dict[str, Any]
) -> None:
    student, metrics = made(technique, cohort, models, parent, student=tmp_path / "pair", params=params)
    assert metrics["adaptive/fidelity"] >= params["switching"]["fidelity"]
    assert 0 < metrics["adaptive/switch_rate"] <= 1
    network, dataset = load(student), open_artifact(cohort.dataset)
    windows = load_split(dataset, "validation")
    graph = export(network, shapes(windows.inputs))
    compared = parity(network, graph, windows.inputs)
    assert compared["max_abs_difference"] < 1e-4
    assert compared["label_changes"] == 0
    again, _ = made(technique, cohort, models, parent, student=tmp_path / "again", params=params)
    assert again.digest == student.digest


def test_training_an_exit_leaves_the_long_path_as_it_was(
    cohort: Cohort, models: dict[str, Path], tmp_path: Path
) -> None:
    student, _ = made(early_exit, cohort, models, "large", student=tmp_path / "exit", params=EXIT)
    network, full = load(student), load(open_artifact(models["large"]))
    assert isinstance(network, SwitchedNetwork)
    network.thresholds.fill_(1e6)
    windows = open_splits(open_artifact(cohort.dataset), Validation()).validation
    with torch.no_grad():
        assert torch.equal(network(**windows.inputs), full(**windows.inputs))


def test_a_pair_that_asks_the_teacher_too_often_is_refused(
    cohort: Cohort, models: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(RefusedError, match="takes the second network"):
        made(
            cascade,
            cohort,
            models,
            "small",
            student=tmp_path / "pair",
            params={"switching": {"fidelity": 1.0, "most": 0.001}},
        )


def test_an_exit_behind_a_module_that_is_not_there_is_refused(
    cohort: Cohort, models: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(
        RefusedError, match=r"the network has no module 'convolutions\.2'; known: convolutions\.0\.conv"
    ):
        made(early_exit, cohort, models, "large", student=tmp_path / "exit", params=EXIT | {"after": "convolutions.2"})


def test_nothing_but_a_float_network_gets_an_exit(cohort: Cohort, models: dict[str, Path], tmp_path: Path) -> None:
    made(cascade, cohort, models, "small", student=tmp_path / "pair", params=TRUE)
    with pytest.raises(RefusedError, match="not a cascade"):
        made(early_exit, cohort, models | {"pair": tmp_path / "pair"}, "pair", student=tmp_path / "exit", params=EXIT)
