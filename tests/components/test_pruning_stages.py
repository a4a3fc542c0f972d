"""Pruned and sparse models of a tiny cohort: smaller where they say so, and refused when they are not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from bedside.artifacts import Artifact, open_artifact
from bedside.component import Component
from bedside.compression.pruning.base import Scores
from bedside.compression.pruning.taylor import Taylor
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.models import load
from bedside.training.batches import Tensors
from bedside.training.loop import fit
from components.prune import prune
from components.quantize import quantize
from components.sparsify import sparsify
from components.train_teacher import train_teacher
from tests.cohort import Cohort

SHAPE: dict[str, Any] = {
    "kind": "cnn_lstm",
    "convolutions": [{"channels": 8, "kernel": 7, "stride": 4}, {"channels": 16, "kernel": 5, "stride": 2}],
    "lstm": [16],
    "head": 8,
}
UNTRAINED: dict[str, Any] = {"epochs": 0, "seed": 3}
SHORT: dict[str, Any] = {"epochs": 1, "seed": 3, "sampling": {"windows": 64, "batch": 64}}
HALF: dict[str, Any] = {"kind": "one_shot", "ratio": 0.5, "multiple": 2}


@pytest.fixture(scope="module")
def teacher(cohort: Cohort, approval: Path) -> Path:
    return taught(cohort, approval, "teacher", {**SHORT, "epochs": 2, "sampling": {"windows": 1024, "batch": 64}})


def taught(cohort: Cohort, approval: Path, name: str, training: dict[str, Any], **other: Any) -> Path:
    path = cohort.dataset.parent / name
    params = {"architecture": {**SHAPE, **other}, "training": training}
    train_teacher(dataset=cohort.dataset, approval=approval, teacher=path, params=params)
    return path


def made(technique: Component, cohort: Cohort, teacher: Path, student: Path, **params: Any) -> Artifact:
    params = {"training": UNTRAINED, **params}
    technique(dataset=cohort.dataset, teacher=teacher, parent=teacher, student=student, params=params)
    return open_artifact(student)


def state(model: Artifact) -> dict[str, Tensor]:
    return safetensors.torch.load_file(model / "model.safetensors")


def test_a_pruned_model_says_which_layers_bore_it(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    curves = made(prune, cohort, teacher, tmp_path / "x", schedule=HALF, scan={"shares": [0.5]}).json("layer_scan.json")
    assert set(curves) == {"convolutions.0.conv", "convolutions.1.conv", "lstm.0", "hidden"}
    assert [point["share"] for point in curves["lstm.0"]] == [0.0, 0.5]


def test_a_network_is_pruned_by_sensitivity_at_the_uniform_cost(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    removed = {}
    for kind in ("uniform", "sensitivity"):
        metrics = prune(
            dataset=cohort.dataset,
            teacher=teacher,
            parent=teacher,
            student=tmp_path / kind,
            params={"schedule": HALF, "allocation": {"kind": kind}, "training": UNTRAINED},
        )
        assert "layer_scan/lstm.0" in metrics
        removed[kind] = metrics["model/macs_removed"]
    assert removed["sensitivity"] >= removed["uniform"] > 0.5
    shapes = [open_artifact(tmp_path / kind).json("network.json") for kind in removed]
    assert shapes[0] != shapes[1]


def test_a_pruned_network_imitates_whom_it_is_told_to(cohort: Cohort, approval: Path, tmp_path: Path) -> None:
    sure = {**SHORT, "epochs": 4, "learning_rate": 0.01, "sampling": {"windows": 1024, "batch": 64}}
    teacher, parent = taught(cohort, approval, "sure", sure), taught(cohort, approval, "untaught", UNTRAINED)
    schedule = {"kind": "one_shot", "ratio": 0.25, "multiple": 2}
    fidelity = {
        guide: prune(
            dataset=cohort.dataset,
            teacher=teacher,
            parent=parent,
            student=tmp_path / guide,
            params={"schedule": schedule, "guide": guide, "training": UNTRAINED},
        )["validation/fidelity"]
        for guide in ("teacher", "parent")
    }
    assert fidelity["parent"] > fidelity["teacher"]


def test_units_are_scored_on_patients_whom_the_network_was_not_fitted_to(
    cohort: Cohort, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, heard = Taylor.scores, []

    def noting(self: Taylor, network: torch.nn.Module, data: Tensors, classes: int) -> Scores:
        heard.append(data.inputs["signal"])
        return scores(self, network, data, classes)

    monkeypatch.setattr(Taylor, "scores", noting)
    made(prune, cohort, teacher, tmp_path / "pruned", schedule=HALF)
    validation = load_split(open_artifact(cohort.dataset), "validation").inputs["signal"]
    assert len(heard) == 2  # for the scan, and for the one step
    assert all(np.array_equal(signal, validation) for signal in heard)


def test_a_network_without_lstm_is_pruned_too(cohort: Cohort, approval: Path, tmp_path: Path) -> None:
    parent = taught(cohort, approval, "without-lstm", UNTRAINED, lstm=[])
    pruned = state(made(prune, cohort, parent, tmp_path / "pruned", schedule=HALF))
    assert [len(pruned[f"convolutions.{number}.conv.weight"]) for number in (0, 1)] == [4, 8]
    assert not any(name.startswith("lstm") for name in pruned)


def test_a_pruning_whose_multiples_leave_all_units_is_refused(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"prune removed 0\.0%"):
        made(prune, cohort, teacher, tmp_path / "x", schedule={**HALF, "multiple": 64})


def test_a_sparse_model_is_the_same_every_time_and_has_its_zeros(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    schedule = {"kind": "cubic", "ratio": 0.75, "steps": 2, "multiple": 1}
    first, second = (
        made(sparsify, cohort, teacher, tmp_path / name, schedule=schedule, training=SHORT) for name in "ab"
    )
    assert first.digest == second.digest
    for name, tensor in state(first).items():
        if tensor.ndim > 1:
            assert 1 - float(tensor.count_nonzero()) / tensor.numel() == pytest.approx(0.75), name


def test_a_lottery_ticket_goes_back_to_the_weights_before_any_training(
    cohort: Cohort, approval: Path, teacher: Path, tmp_path: Path
) -> None:
    untrained = state(open_artifact(taught(cohort, approval, "untrained", UNTRAINED)))
    trained = state(open_artifact(teacher))
    ticket = state(made(sparsify, cohort, teacher, tmp_path / "ticket", schedule=HALF, rewind="initial"))
    for name, tensor in ticket.items():
        kept = tensor != 0
        assert torch.equal(tensor[kept], untrained[name][kept]), name
        if tensor.ndim > 1:  # the trained weights say which are kept
            assert trained[name][kept].abs().min() >= trained[name][~kept].abs().max(), name
            assert not torch.equal(tensor[kept], trained[name][kept]), name


@pytest.mark.parametrize("rewind", ["none", "parent"])
def test_only_a_rewind_takes_the_second_step_back_to_the_parent(
    rewind: str, cohort: Cohort, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = []

    def watched(network: torch.nn.Module, *rest: Any, **named: Any) -> Any:
        starts.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return fit(network, *rest, **named)

    monkeypatch.setattr("bedside.techniques.sparsify.fit", watched)
    schedule = {"kind": "iterative", "ratio": 0.5, "steps": 2, "multiple": 1}
    training = {**SHORT, "learning_rate": 1e-4}
    made(sparsify, cohort, teacher, tmp_path / "x", schedule=schedule, training=training, rewind=rewind)
    parent, second = state(open_artifact(teacher)), starts[1]
    kept = {name: tensor != 0 for name, tensor in second.items()}
    back = all(torch.equal(tensor[kept[name]], parent[name][kept[name]]) for name, tensor in second.items())
    assert back == (rewind == "parent")


def test_a_ticket_is_only_drawn_where_its_first_weights_are_known(
    cohort: Cohort, teacher: Path, tmp_path: Path
) -> None:
    made(prune, cohort, teacher, tmp_path / "pruned", schedule=HALF)
    with pytest.raises(RefusedError, match="not prune: the seed"):
        made(sparsify, cohort, tmp_path / "pruned", tmp_path / "x", rewind="initial")


def test_a_sparse_model_with_few_zeros_is_refused(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="sparsify made 9"):
        made(sparsify, cohort, teacher, tmp_path / "x", schedule={**HALF, "ratio": 0.1})


def test_a_sparse_model_is_as_large_as_its_parent(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    sparse = load(made(sparsify, cohort, teacher, tmp_path / "x", schedule={**HALF, "ratio": 0.4}))
    whole = load(open_artifact(teacher))
    assert sum(p.numel() for p in sparse.parameters()) == sum(p.numel() for p in whole.parameters())


def test_sparsity_comes_before_quantization(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    made(quantize, cohort, teacher, tmp_path / "quantized", gain={"smaller": 0})  # too small to gain
    with pytest.raises(RefusedError, match=r"params\.yaml"):
        made(sparsify, cohort, tmp_path / "quantized", tmp_path / "x")
