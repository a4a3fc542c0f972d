"""No number that is not finite passes from one stage to the next, and the stage at fault is the one that is named."""

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from onnx import numpy_helper

import components
from bedside import stages, techniques
from bedside.artifacts import commit, open_artifact, staged
from bedside.component import Component
from bedside.datasets.inputs import declared
from bedside.datasets.windows import read_windows, write_windows
from bedside.errors import RefusedError
from bedside.models.cnn_lstm import CnnLstm
from bedside.training.stages import Validation, open_splits
from components.export import export
from components.optimize import optimize
from components.quantize import quantize
from components.train_teacher import train_teacher
from tests.cohort import Cohort
from tests.components.test_every_technique import TEACHER, TECHNIQUES, component, every_technique, words
from tests.support.networks import exported

DIVERGING: dict[str, Any] = {"epochs": 2, "learning_rate": 1e20, "sampling": {"windows": 256, "batch": 32}}
SHORT: dict[str, Any] = {"epochs": 1, "sampling": {"windows": 128, "batch": 64}}
FILES = {"parity.json": '{"kind": "fp32"}', "complexity.json": '{"macs": 5}'}


def damaged(source: Path, target: Path, file: str, change: Callable[[Path], None]) -> Path:
    """A complete artifact like `source`, with one file changed: what an older version may have left behind."""
    artifact = open_artifact(source)
    with staged(target) as staging:
        for name in artifact.manifest["files"]:
            shutil.copyfile(artifact / name, staging / name)
        change(staging / file)
        record = {key: value for key, value in artifact.manifest.items() if key not in ("files", "schema")}
        return commit(staging, target, record).path


def without_numbers(file: Path) -> None:
    tensors = safetensors.torch.load_file(file)
    tensors["hidden.weight"][0, :3] = torch.tensor([math.nan, math.inf, -math.inf])
    safetensors.torch.save_file(tensors, file)


@pytest.fixture(scope="module")
def teacher(cohort: Cohort, approval: Path) -> Path:
    path = cohort.dataset.parent / "teacher"
    params = {"architecture": TEACHER, "training": SHORT}
    train_teacher(dataset=cohort.dataset, approval=approval, teacher=path, params=params)
    return path


@pytest.fixture(scope="module")
def diverged(teacher: Path) -> Path:
    return damaged(teacher, teacher.parent / "diverged", "model.safetensors", without_numbers)


def made_by(technique: Component, cohort: Cohort, parents: tuple[Path, Path], student: Path, params: Any) -> None:
    """Run a technique; `parents` are the teacher and the parent."""
    teacher, parent = parents
    technique(dataset=cohort.dataset, teacher=teacher, parent=parent, student=student, params=params)


def test_a_teacher_that_diverges_leaves_one_sentence_and_nothing_else(
    cohort: Cohort, approval: Path, tmp_path: Path
) -> None:
    params = f'{{"architecture": {TEACHER}, "training": {DIVERGING}}}'.replace("'", '"')
    ports = {"dataset": cohort.dataset, "approval": approval, "teacher": tmp_path / "teacher", "params": params}
    with pytest.raises(SystemExit) as stopped:
        train_teacher.main([str(part) for part in train_teacher.argv({**ports, "metrics": tmp_path / "metrics.json"})])
    message = str(stopped.value)
    assert message.startswith("train_teacher: fit: diverged in epoch 1")
    assert "lower training.learning_rate (1e+20)" in message
    assert "\n" not in message
    assert not list(tmp_path.iterdir())


def test_a_committee_names_its_member_that_diverges(cohort: Cohort, approval: Path, tmp_path: Path) -> None:
    committee = {"architecture": TEACHER, "training": DIVERGING, "seeds": [5, 6]}
    params = {"architecture": TEACHER, "training": SHORT, "committee": committee}
    with pytest.raises(RefusedError, match=r"^member-5: diverged in epoch 1"):
        train_teacher(dataset=cohort.dataset, approval=approval, teacher=tmp_path / "teacher", params=params)


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"training": DIVERGING}, id="soft-targets"),
        pytest.param({"training": DIVERGING, "features": {}}, id="features"),
        pytest.param({"training": DIVERGING, "soft_targets": {"answers": "stored"}}, id="stored"),
        pytest.param({"training": DIVERGING, "labelled": False, "soft_targets": {"alpha": 1.0}}, id="unlabelled"),
        pytest.param({"edge_training": DIVERGING, "edge_cases": {"rare": ["N", "S", "V", "F"]}}, id="edge-cases"),
    ],
)
def test_every_way_to_distil_stops_where_it_diverges(
    cohort: Cohort, teacher: Path, tmp_path: Path, params: dict[str, Any]
) -> None:
    example = {**words("distill", "example"), **params}
    with pytest.raises(RefusedError, match=r"^(soft-targets|edge-cases): diverged in epoch 1"):
        made_by(component("distill"), cohort, (teacher, teacher), tmp_path / "student", example)
    assert not (tmp_path / "student").exists()


@pytest.mark.parametrize("name", [name for name in TECHNIQUES if name not in ("distill", "cascade")])
def test_every_recovery_stops_where_it_diverges(name: str, cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    example = {**words(name, "example"), "training": DIVERGING}
    with pytest.raises(RefusedError, match=r"^(fit|exit|step-1): diverged in epoch 1"):
        made_by(component(name), cohort, (teacher, teacher), tmp_path / "student", example)


@every_technique
def test_every_technique_names_the_maker_of_a_network_that_is_not_finite(
    name: str, cohort: Cohort, teacher: Path, diverged: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        RefusedError, match=r"diverged holds 3 values .* hidden\.weight first\); run train_teacher again"
    ):
        made_by(component(name), cohort, (teacher, diverged), tmp_path / "student", words(name, "example"))


def test_a_rewind_to_weights_that_are_not_finite_names_their_maker(
    cohort: Cohort, teacher: Path, diverged: Path, tmp_path: Path
) -> None:
    example = {**words("sparsify", "example"), "rewind": "parent"}
    with pytest.raises(RefusedError, match="run train_teacher again"):
        made_by(component("sparsify"), cohort, (teacher, diverged), tmp_path / "student", example)


def test_export_names_the_maker_of_a_network_that_is_not_finite(cohort: Cohort, diverged: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"diverged holds 3 values .*; run train_teacher again"):
        export(dataset=cohort.dataset, model=diverged, graph=tmp_path / "graph", params={})


def test_export_refuses_weights_whose_product_is_not_finite(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    """A batch norm is folded into its convolution: two finite weights may give an infinite one."""

    def grow(file: Path) -> None:
        tensors = safetensors.torch.load_file(file)
        for name in ("conv.weight", "norm.weight"):
            tensors[f"convolutions.0.{name}"].fill_(1e30)
        tensors["convolutions.0.norm.running_var"].fill_(1e38)
        safetensors.torch.save_file(tensors, file)

    model = damaged(teacher, tmp_path / "large", "model.safetensors", grow)
    with pytest.raises(RefusedError, match=r"holds weights that are not finite \(of Conv\); train the network again"):
        export(dataset=cohort.dataset, model=model, graph=tmp_path / "graph", params={})


def test_export_says_that_the_network_itself_answers_with_nothing(
    cohort: Cohort, teacher: Path, tmp_path: Path
) -> None:
    def grow(file: Path) -> None:
        tensors = safetensors.torch.load_file(file)
        tensors["output.weight"].fill_(3e38)
        tensors["hidden.bias"].fill_(1e6)
        safetensors.torch.save_file(tensors, file)

    model = damaged(teacher, tmp_path / "large", "model.safetensors", grow)
    with pytest.raises(RefusedError, match=r"^the network answers \d+ of \d+ windows with numbers that are not finite"):
        export(dataset=cohort.dataset, model=model, graph=tmp_path / "graph", params={})


@pytest.mark.parametrize("kind", ["onnxruntime", "openvino"])
def test_optimize_refuses_a_graph_that_is_not_finite(
    make_artifact: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    model = onnx.load_from_string(exported("fp32", 12))
    weight = next(tensor for tensor in model.graph.initializer if numpy_helper.to_array(tensor).ndim > 1)
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] = np.nan
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    graph = make_artifact("graph", {"model.onnx": model.SerializeToString(), **FILES})
    with pytest.raises(RefusedError, match=r"graph holds weights that are not finite .* export that"):
        optimize(graph=graph, optimized=tmp_path / "optimized", target={"kind": kind})


def test_a_parity_that_is_not_finite_goes_no_further(make_artifact: Callable[..., Path], tmp_path: Path) -> None:
    files = {**FILES, "parity.json": '{"kind": "fp32", "max_abs_difference": NaN}'}
    graph = make_artifact("graph", {"model.onnx": exported("fp32", 12), **files})
    with pytest.raises(RefusedError, match=r"^parity\.json: max_abs_difference is nan, not a finite number"):
        optimize(graph=graph, optimized=tmp_path / "optimized", target={"kind": "onnxruntime"})


@pytest.mark.parametrize("split", ["calibration", "train", "validation"])
@pytest.mark.parametrize(("name", "value"), [("signal", np.nan), ("rhythm", np.inf)])
def test_a_window_that_is_not_finite_is_refused_by_its_record_and_sample(  # noqa: PLR0917
    cohort: Cohort, teacher: Path, tmp_path: Path, split: str, name: str, value: float
) -> None:
    found, inputs = [], declared(open_artifact(cohort.dataset).json("dataset.json"))

    def spoil(file: Path) -> None:
        windows = read_windows(file, inputs)
        array = windows.inputs[name].copy()
        array[5].flat[0] = value
        found.append((windows.record[5], windows.sample[5]))
        write_windows(file, dataclasses.replace(windows, inputs={**windows.inputs, name: array}))

    dataset = damaged(cohort.dataset, tmp_path / "dataset", f"{split}.safetensors", spoil)
    with pytest.raises(RefusedError) as refused:
        quantize(
            dataset=dataset,
            teacher=teacher,
            parent=teacher,
            student=tmp_path / "student",
            params=words("quantize", "example"),
        )
    ((record, sample),) = found
    of = open_artifact(cohort.dataset).json("dataset.json")["records"][record]
    assert str(refused.value).startswith(f"the {split} window of record {of} at sample {sample} in {dataset}")
    assert "run prepare again" in str(refused.value)


def test_ranges_are_not_fitted_on_activations_that_are_not_finite(
    cohort: Cohort, teacher: Path, tmp_path: Path
) -> None:
    def grow(file: Path) -> None:
        tensors = safetensors.torch.load_file(file)
        for number in (0, 1):
            tensors[f"convolutions.{number}.norm.weight"].fill_(1e30)
        for name in ("convolutions.1.conv.weight", "lstm.0.weight_ih_l0"):
            tensors[name].abs_()  # of one sign, an LSTM saturates and answers in numbers all the same
        safetensors.torch.save_file(tensors, file)

    parent = damaged(teacher, tmp_path / "large", "model.safetensors", grow)
    with pytest.raises(RefusedError, match=r"the parent makes activation convolutions_1_conv not finite on \d+ of \d+"):
        made_by(quantize, cohort, (teacher, parent), tmp_path / "student", words("quantize", "example"))


def test_a_teacher_whose_answers_overflow_is_blamed_and_not_the_student(
    cohort: Cohort, teacher: Path, tmp_path: Path
) -> None:
    def grow(file: Path) -> None:
        tensors = safetensors.torch.load_file(file)
        tensors["output.weight"].fill_(3e38)
        tensors["hidden.bias"].fill_(1e6)
        safetensors.torch.save_file(tensors, file)

    parent = damaged(teacher, tmp_path / "large", "model.safetensors", grow)
    with pytest.raises(RefusedError, match=r"the answers of who is imitated .* are not finite: train that again"):
        made_by(component("distill"), cohort, (parent, parent), tmp_path / "student", words("distill", "example"))


def test_no_stage_writes_figures_but_through_the_one_that_refuses_them() -> None:
    for file in [
        file for package in (components, stages, techniques) for file in Path(package.__path__[0]).glob("*.py")
    ]:
        assert "json.dump" not in file.read_text(), f"{file.name}: bedside.artifacts.write_json refuses NaN"


def test_a_class_that_no_validation_patient_has_cannot_choose_the_epoch(cohort: Cohort, tmp_path: Path) -> None:
    inputs = declared(open_artifact(cohort.dataset).json("dataset.json"))

    def without_s(file: Path) -> None:
        windows = read_windows(file, inputs)
        write_windows(file, windows[windows.label != 1])

    dataset = damaged(cohort.dataset, tmp_path / "dataset", "validation.safetensors", without_s)
    splits = open_splits(open_artifact(dataset), Validation(watched=("S", "V"), epoch="last"))
    assert set(splits.score(CnnLstm.model_validate(TEACHER).fitted(inputs, 4).network())) == {
        "score",
        "V_average_precision",
    }
    with pytest.raises(RefusedError, match=r"^validation\.watched: no validation patient has a S beat"):
        open_splits(open_artifact(dataset), Validation(watched=("S", "V")))
