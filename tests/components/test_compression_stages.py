"""Teacher, distilled, pruned and quantized models of a tiny cohort: smaller where claimed, the same every time."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bedside.artifacts import Artifact, open_artifact
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.models import load
from bedside.models.edits.quantized import grids
from bedside.models.fake_quant import QuantizedRecurrent, weight_scales
from bedside.params import ParamsError, validate
from bedside.signals.rhythm import FEATURES
from bedside.training.stages import parameters
from components.distill import distill
from components.prune import prune
from components.quantize import Quantize, quantize
from components.train_teacher import train_teacher
from tests.cohort import Cohort

TEACHER = {
    "kind": "cnn_lstm",
    "convolutions": [{"channels": 8, "kernel": 7, "stride": 4}, {"channels": 16, "kernel": 5, "stride": 2}],
    "lstm": [16],
    "head": 8,
}
STUDENT = {"kind": "cnn_lstm", "convolutions": [{"channels": 8, "kernel": 7, "stride": 4}], "lstm": [8], "head": 8}
TRAINING: dict[str, Any] = {"epochs": 1, "threads": 1, "sampling": {"windows": 256, "batch": 64}}
SHORT: dict[str, Any] = {**TRAINING, "sampling": {"windows": 64, "batch": 64}}
# So small a network loses time by int8; what is asked here is something else.
TINY: dict[str, Any] = {"gain": {"smaller": 0}}


@pytest.fixture(scope="module")
def teacher(cohort: Cohort, approval: Path) -> Path:
    path = cohort.dataset.parent / "teacher"
    train_teacher(
        dataset=cohort.dataset,
        approval=approval,
        teacher=path,
        params={"architecture": TEACHER, "training": TRAINING},
    )
    return path


def made(technique: Any, cohort: Cohort, teacher: Path, student: Path, params: dict[str, Any]) -> Artifact:
    technique(dataset=cohort.dataset, teacher=teacher, parent=teacher, student=student, params=params)
    return open_artifact(student)


def test_the_teacher_is_the_same_every_time(cohort: Cohort, approval: Path, teacher: Path, tmp_path: Path) -> None:
    params = {"architecture": TEACHER, "training": TRAINING}
    train_teacher(dataset=cohort.dataset, approval=approval, teacher=tmp_path / "again", params=params)
    assert open_artifact(tmp_path / "again").digest == open_artifact(teacher).digest


def test_the_teacher_decides_where_params_say(cohort: Cohort, approval: Path, teacher: Path, tmp_path: Path) -> None:
    params = {"architecture": TEACHER, "training": TRAINING, "operating_point": {"V": -0.35}}
    train_teacher(dataset=cohort.dataset, approval=approval, teacher=tmp_path / "shifted", params=params)
    shifted, as_trained = (load(open_artifact(p)).state_dict() for p in (tmp_path / "shifted", teacher))
    moved = {name: shifted[name] - tensor for name, tensor in as_trained.items()}
    assert torch.allclose(moved.pop("output.bias"), torch.tensor([0.0, 0.0, -0.35, 0.0]), atol=1e-6)
    assert not any(difference.any() for difference in moved.values())


def test_a_teacher_is_never_trained_on_windows_that_nobody_approved(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="judges other data"):
        train_teacher(
            dataset=cohort.dataset,
            approval=cohort.approval,  # of the recordings, not of these windows
            teacher=tmp_path / "teacher",
            params={"architecture": TEACHER, "training": TRAINING},
        )
    assert not (tmp_path / "teacher").exists()


def test_what_comes_from_the_simulated_cohort_says_so(teacher: Path) -> None:
    assert open_artifact(teacher).labels["source"] == "simulated"


def test_a_student_is_as_small_as_asked(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    params = {"student": STUDENT, "training": SHORT, "edge_training": SHORT}
    student = made(distill, cohort, teacher, tmp_path / "student", params)
    assert parameters(load(student)) < 0.7 * parameters(load(open_artifact(teacher)))


def test_a_student_as_large_as_its_teacher_is_refused(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="distill removed"):
        made(distill, cohort, teacher, tmp_path / "student", {"student": TEACHER, "training": SHORT})


def test_a_pruned_model_has_fewer_channels_cells_and_neurons(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    params = {"schedule": {"ratio": 0.5, "steps": 2, "multiple": 2}, "training": SHORT}
    pruned = load(made(prune, cohort, teacher, tmp_path / "pruned", params))
    weights = {"convolutions.0.conv.weight": 4, "convolutions.1.conv.weight": 8, "hidden.weight": 4}
    assert {name: len(pruned.get_parameter(name)) for name in weights} == weights
    assert pruned.get_parameter("lstm.0.weight_hh_l0").shape == (4 * 8, 8)


def test_a_quantized_model_lies_on_its_grid_and_answers_like_its_parent(
    cohort: Cohort, teacher: Path, tmp_path: Path
) -> None:
    network = load(
        made(quantize, cohort, teacher, tmp_path / "quantized", {"training": {**SHORT, "epochs": 0}, **TINY})
    )
    (layer,) = (module for module in network.modules() if isinstance(module, QuantizedRecurrent))
    for weight in layer.weights():
        steps = weight / weight_scales(weight)[:, None]
        assert torch.allclose(steps, steps.round(), atol=1e-3)
    generator = torch.Generator().manual_seed(0)
    windows = {
        "signal": torch.rand(32, 2, 120, generator=generator),
        "rhythm": 0.1 * torch.randn(32, len(FEATURES), generator=generator),
    }
    difference = (network(**windows) - load(open_artifact(teacher))(**windows)).abs().max()
    assert 0 < difference < 0.2


@pytest.mark.parametrize("technique", [prune, quantize])
def test_nothing_follows_quantization(technique: Any, cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    made(quantize, cohort, teacher, tmp_path / "quantized", {"training": {**SHORT, "epochs": 0}, **TINY})
    with pytest.raises(RefusedError, match=r"params\.yaml"):
        technique(
            dataset=cohort.dataset, teacher=teacher, parent=tmp_path / "quantized", student=tmp_path / "x", params={}
        )


@pytest.mark.parametrize("activations", ["dynamic", 16])
def test_a_variant_without_8_bit_activations_is_rebuilt_as_it_was_declared(
    activations: str | int, cohort: Cohort, teacher: Path, tmp_path: Path
) -> None:
    params = {"activations": activations, "training": {**SHORT, "epochs": 0}, **TINY}
    network = load(made(quantize, cohort, teacher, tmp_path / "quantized", params))
    assert {grid.bits for grid in grids(network).values()} == {16 if activations == 16 else 32}


def test_ranges_come_from_calibration_patients_alone(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    params = {"ranges": {"kind": "minmax"}, "training": {**SHORT, "epochs": 0}, **TINY}
    network = load(made(quantize, cohort, teacher, tmp_path / "quantized", params))
    data, splits = open_artifact(cohort.dataset), ("train", "validation", "calibration")
    highest = {split: float(load_split(data, split).inputs["signal"].max()) for split in splits}
    assert len(set(highest.values())) == 3
    assert float(grids(network)["signal"].high) == highest["calibration"]


def test_ranges_that_training_would_overwrite_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"'entropy' ranges would be lost; leave them out, or set training.epochs"):
        validate(Quantize, {"ranges": {"kind": "entropy"}, "training": {"epochs": 1}}, "variants.quantized.params")


def test_what_is_pruned_is_trained_again(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    schedule = {"schedule": {"ratio": 0.5, "steps": 1, "multiple": 2}}
    much = {**TRAINING, "epochs": 4, "learning_rate": 0.01}
    cut = made(prune, cohort, teacher, tmp_path / "cut", {**schedule, "training": {**SHORT, "epochs": 0}})
    assert made(prune, cohort, teacher, tmp_path / "healed", {**schedule, "training": much}).digest != cut.digest


def test_the_scan_names_every_activation_and_the_worst_stays_float(
    cohort: Cohort, teacher: Path, tmp_path: Path
) -> None:
    params = {"mixed": {"worst": 1}, "ranges": {"kind": "entropy"}, "training": {**SHORT, "epochs": 0}, **TINY}
    metrics = quantize(dataset=cohort.dataset, teacher=teacher, parent=teacher, student=tmp_path / "q", params=params)
    losses = {name: value for name, value in metrics.items() if name.startswith("harm/")}
    network = load(open_artifact(tmp_path / "q"))
    assert [name.removeprefix("harm/") for name in losses] == list(grids(network))
    (kept,) = (name for name, grid in grids(network).items() if grid.bits == 32)
    assert losses[f"harm/{kept}"] == max(losses.values())


def test_int8_that_gains_too_little_is_refused(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    params = {"training": {**SHORT, "epochs": 0}, "gain": {"smaller": 0.95}}
    with pytest.raises(RefusedError, match="less than the 95% asked for"):
        made(quantize, cohort, teacher, tmp_path / "quantized", params)
    assert not (tmp_path / "quantized").exists()
