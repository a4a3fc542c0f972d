"""A network of one's own: any names inside, and what a stage cannot do with it is said before anything is trained."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

import pytest
import torch
from torch import Tensor, nn

from bedside.artifacts import open_artifact
from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError
from bedside.models import Architecture, load
from components.distill import distill
from components.train_teacher import train_teacher
from tests.cohort import Cohort

TRAINING: dict[str, Any] = {"epochs": 1, "sampling": {"windows": 64, "batch": 32}}
V = 2


class Ending(nn.Module):
    """Reads a window as it is and ends in one of several ways; nothing in it is called `output` or `hidden`."""

    def __init__(self, inputs: int, classes: int, end: str) -> None:
        super().__init__()
        self.end = end
        self.body = nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Dropout(0.5))
        self.verdict = nn.Sequential(nn.ReLU(), nn.Linear(32, classes, bias=end != "no bias"))

    def forward(self, signal: Tensor, rhythm: Tensor) -> Tensor:
        logits: Tensor = self.verdict(self.body(torch.cat([signal.flatten(1), rhythm], dim=1)))
        match self.end:
            case "scaled":
                return 2 * logits
            case "too few":
                return logits[:, 1:]
        return logits


class Misnamed(Ending):
    """The same network, whose forward calls its inputs otherwise than the dataset does."""

    def forward(self, ecg: Tensor, intervals: Tensor) -> Tensor:
        return super().forward(ecg, intervals)


@pytest.fixture(autouse=True)
def kinds() -> Iterator[type[Architecture]]:
    """The architecture of this file, known as long as its tests run."""

    class Own(Architecture):
        kind: Literal["own"] = "own"
        end: str = "linear"
        inputs: int = 0
        classes: int = 4

        def fitted(self, inputs: Shapes, classes: int) -> Self:
            width = sum(map(math.prod, inputs.values()))
            return self.model_copy(update={"inputs": self.inputs or width, "classes": classes})

        def network(self) -> Ending:
            kind = Misnamed if self.end == "misnamed" else Ending
            return kind(self.inputs, self.classes, self.end)

    yield Own
    del Architecture.known["own"]


def taught(cohort: Cohort, approval: Path, teacher: Path, end: str = "linear", **params: Any) -> Path:
    params = {"architecture": {"kind": "own", "end": end}, "training": TRAINING, **params}
    train_teacher(dataset=cohort.dataset, approval=approval, teacher=teacher, params=params)
    return teacher


def test_the_operating_point_is_set_in_the_layer_that_answers_whatever_its_name(
    cohort: Cohort, approval: Path, tmp_path: Path
) -> None:
    plain, shifted = (
        load(open_artifact(taught(cohort, approval, tmp_path / name, operating_point=point)))
        for name, point in {"plain": {}, "shifted": {"V": 0.25}}.items()
    )
    moved = shifted.get_parameter("verdict.1.bias") - plain.get_parameter("verdict.1.bias")
    assert torch.allclose(moved, torch.eye(4)[V] * 0.25, atol=1e-6)
    plain.get_parameter("verdict.1.bias").data.copy_(shifted.get_parameter("verdict.1.bias"))
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), shifted.parameters(), strict=True))


@pytest.mark.parametrize("end", ["scaled", "no bias"])
def test_without_a_layer_to_set_it_in_an_operating_point_is_refused_before_the_training(
    cohort: Cohort, approval: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr("bedside.stages.train_teacher.fit", None)  # nothing may be trained
    with pytest.raises(
        RefusedError, match=r"^operating_point: this network does not end in a linear layer with a bias"
    ):
        taught(cohort, approval, tmp_path / "teacher", end, operating_point={"V": 0.25})


@pytest.mark.parametrize("end", ["scaled", "no bias"])
def test_without_an_operating_point_it_may_end_as_it_likes(
    cohort: Cohort, approval: Path, tmp_path: Path, end: str
) -> None:
    assert open_artifact(taught(cohort, approval, tmp_path / "teacher", end)).json("network.json")["base"]["end"] == end


def test_a_network_that_answers_too_few_classes_is_refused_before_the_training(
    cohort: Cohort, approval: Path, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError, match=r"^architecture: this own answers .* shape \(2, 3\); .* logits \(2, 4\)"):
        taught(cohort, approval, tmp_path / "teacher", "too few")


@pytest.mark.parametrize("where", ["architecture", "committee"])
def test_a_network_that_cannot_read_the_windows_is_refused_before_the_training(
    cohort: Cohort, approval: Path, tmp_path: Path, where: str
) -> None:
    narrow = {"kind": "own", "inputs": 7}
    params = {"architecture": narrow} if where == "architecture" else {"committee": {"architecture": narrow}}
    with pytest.raises(
        RefusedError, match=rf"^{where}.*: this own cannot read windows of signal \(2, 120\) and rhythm \(14\)"
    ):
        taught(cohort, approval, tmp_path / "teacher", **params)


def test_a_network_that_calls_its_inputs_otherwise_is_refused_before_the_training(
    cohort: Cohort, approval: Path, tmp_path: Path
) -> None:
    reason = r"^architecture: this own has a forward\(ecg, intervals\), and windows have signal, rhythm; name"
    with pytest.raises(RefusedError, match=reason):
        taught(cohort, approval, tmp_path / "teacher", "misnamed")


def test_features_are_taken_from_the_layer_that_answers_whatever_its_name(
    cohort: Cohort, approval: Path, tmp_path: Path
) -> None:
    teacher = taught(cohort, approval, tmp_path / "teacher")
    made = distilled(cohort, teacher, tmp_path / "student", student=SMALL, features={})
    assert open_artifact(made).json("network.json")["base"]["kind"] == "cnn_lstm"


def test_features_of_a_network_without_a_last_layer_are_refused_before_the_training(
    cohort: Cohort, approval: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = taught(cohort, approval, tmp_path / "teacher", "scaled")
    monkeypatch.setattr("bedside.techniques.distill.fit", None)
    with pytest.raises(RefusedError, match=r"^features: the teacher does not end in a linear layer"):
        distilled(cohort, teacher, tmp_path / "student", student=SMALL, features={})


def test_a_student_that_answers_too_few_classes_is_refused_before_the_training(
    cohort: Cohort, approval: Path, tmp_path: Path
) -> None:
    teacher = taught(cohort, approval, tmp_path / "teacher")
    with pytest.raises(RefusedError, match=r"^student: this own answers"):
        distilled(cohort, teacher, tmp_path / "student", student={"kind": "own", "end": "too few"})


SMALL: dict[str, Any] = {"kind": "cnn_lstm", "convolutions": [{"channels": 4, "kernel": 7, "stride": 8}], "head": 8}


def distilled(cohort: Cohort, teacher: Path, made: Path, **params: Any) -> Path:
    params = {"training": TRAINING, "edge_training": TRAINING, **params}
    distill(dataset=cohort.dataset, teacher=teacher, parent=teacher, student=made, params=params)
    return made
