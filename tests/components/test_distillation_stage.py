"""The distill stage: through an assistant, without labels, with features, and killed in any of its steps."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bedside.artifacts import commit, open_artifact, staged
from bedside.component import Metrics
from bedside.datasets.windows import load_split, write_windows
from bedside.errors import RefusedError
from bedside.models.cnn_lstm import CnnLstm
from bedside.params import ParamsError
from bedside.training import checkpoint
from bedside.training.stages import Validation, open_splits
from components.distill import distill
from tests.cohort import Cohort
from tests.support.networks import model_artifact

TEACHER: dict[str, Any] = {
    "kind": "cnn_lstm",
    "convolutions": [{"channels": 16, "kernel": 7, "stride": 4}, {"channels": 16, "kernel": 5, "stride": 2}],
    "head": 16,
}
ASSISTANT: dict[str, Any] = {**TEACHER, "convolutions": [{"channels": 12, "kernel": 7, "stride": 4}], "head": 12}
STUDENT: dict[str, Any] = {**TEACHER, "convolutions": [{"channels": 6, "kernel": 7, "stride": 4}], "head": 8}
SHORT: dict[str, Any] = {"epochs": 2, "learning_rate": 0.01, "sampling": {"windows": 128, "batch": 64}}
PARAMS: dict[str, Any] = {
    "student": STUDENT,
    "training": SHORT,
    "edge_training": SHORT,
    "edge_cases": {"replay": 4, "tolerance": 1.0},
    "least_share": 0.1,
}
UNLABELLED: dict[str, Any] = {**PARAMS, "labelled": False, "soft_targets": {"alpha": 1.0}}


@pytest.fixture(scope="module")
def teacher(cohort: Cohort) -> Path:
    """A network with an opinion; whether it is right does not matter here."""
    splits = open_splits(open_artifact(cohort.dataset), Validation())
    shape = splits.fitted(CnnLstm.model_validate(TEACHER))
    torch.manual_seed(5)
    network = shape.network()
    with torch.no_grad():
        network(**splits.train.inputs)  # its batch norms have seen the data
        network.get_parameter("output.weight").mul_(10)
    return model_artifact(cohort.dataset.parent / "teacher", network, shape).path


def student_of(
    parent: Path, to: Path, params: dict[str, Any], dataset: Path, teacher: Path | None = None
) -> tuple[str, Metrics]:
    """The digest of the student that `parent` teaches, and what the stage says of it."""
    metrics = distill(dataset=dataset, teacher=teacher or parent, parent=parent, student=to, params=params)
    return open_artifact(to).digest, metrics


@pytest.mark.parametrize(
    ("params", "where"),
    [({"edge_cases": {"rare": ["V", "X"]}}, "edge_cases.rare"), ({"validation": {"watched": ["X"]}}, "watched")],
)
def test_a_class_that_the_data_does_not_have_is_refused_before_anything_is_trained(
    teacher: Path, cohort: Cohort, tmp_path: Path, params: dict[str, Any], where: str
) -> None:
    endless = {**PARAMS, "training": {**SHORT, "epochs": 10**6}, **params}
    with pytest.raises(RefusedError, match=rf"{where}: no class X here; this dataset has N, "):
        student_of(teacher, tmp_path / "student", endless, cohort.dataset)


def relabelled(dataset: Path, path: Path) -> Path:
    """The same dataset, with the labels of training and validation patients in another order."""
    source = open_artifact(dataset)
    with staged(path) as staging:
        for name in source.manifest["files"]:
            shutil.copyfile(source / name, staging / name)
        for split in ("train", "validation"):
            windows = load_split(source, split)
            mixed = torch.from_numpy(windows.label)[torch.randperm(len(windows), generator=torch.Generator())]
            write_windows(staging / f"{split}.safetensors", replace(windows, label=mixed.numpy()))
        commit(staging, path, {"component": "test", "labels": source.labels})
    return path


def test_the_student_of_an_assistant_learns_from_the_assistant(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    assistant = tmp_path / "assistant"
    student_of(teacher, assistant, {**PARAMS, "student": ASSISTANT}, cohort.dataset)
    params = {**PARAMS, "soft_targets": {"alpha": 1.0}}
    by_assistant, _ = student_of(assistant, tmp_path / "a", params, cohort.dataset, teacher=teacher)
    alone, _ = student_of(assistant, tmp_path / "b", params, cohort.dataset, teacher=assistant)
    by_teacher, _ = student_of(teacher, tmp_path / "c", params, cohort.dataset)
    assert by_assistant == alone != by_teacher


def test_without_labels_their_order_changes_no_weight(cohort: Cohort, teacher: Path, tmp_path: Path) -> None:
    wrong = relabelled(cohort.dataset, tmp_path / "wrong")
    honest, metrics = student_of(teacher, tmp_path / "a", UNLABELLED, cohort.dataset)
    assert metrics["edge_cases/windows"] > 0  # that step too saw no label
    assert student_of(teacher, tmp_path / "b", UNLABELLED, wrong)[0] == honest
    labelled = {**UNLABELLED, "labelled": True}
    assert student_of(teacher, tmp_path / "c", labelled, cohort.dataset)[0] != honest
    assert student_of(teacher, tmp_path / "d", labelled, wrong)[0] != honest


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_killed_in_any_step_it_ends_with_the_same_student(
    killed_at: int, cohort: Cohort, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {**PARAMS, "features": {"weight": 1.0}}
    undisturbed, metrics = student_of(teacher, tmp_path / "undisturbed", params, cohort.dataset)
    assert metrics["edge_cases/windows"] > 0
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write", killed_after(killed_at, checkpoint.write))
        with pytest.raises(KeyboardInterrupt):
            student_of(teacher, tmp_path / "resumed", params, cohort.dataset)
    assert not (tmp_path / "resumed").exists()
    assert student_of(teacher, tmp_path / "resumed", params, cohort.dataset)[0] == undisturbed


def killed_after(times: int, write: Callable[..., None]) -> Callable[..., None]:
    """A `checkpoint.write` after whose last call the process is gone."""
    written = 0

    def writing(*arguments: Any) -> None:
        nonlocal written
        write(*arguments)
        written += 1
        if written == times:
            raise KeyboardInterrupt

    return writing


def test_features_and_stored_answers_change_the_student_and_not_its_shape(
    cohort: Cohort, teacher: Path, tmp_path: Path
) -> None:
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "features": {"features": {}},
        "stored": {"soft_targets": {"answers": "stored"}},
    }
    made = {name: student_of(teacher, tmp_path / name, {**PARAMS, **way}, cohort.dataset) for name, way in ways.items()}
    assert len({digest for digest, _ in made.values()}) == 3
    assert len({metrics["model/parameters"] for _, metrics in made.values()}) == 1


@pytest.mark.parametrize(
    ("contradiction", "way_out"),
    [
        ({"labelled": False}, r"alpha: 1"),
        ({"features": {}, "soft_targets": {"answers": "stored"}}, r"answers: consistent"),
    ],
)
def test_what_contradicts_itself_is_refused_before_anything_runs(
    contradiction: dict[str, Any], way_out: str, cohort: Cohort, teacher: Path, tmp_path: Path
) -> None:
    with pytest.raises(ParamsError, match=way_out):
        student_of(teacher, tmp_path / "student", {**PARAMS, **contradiction}, cohort.dataset)
