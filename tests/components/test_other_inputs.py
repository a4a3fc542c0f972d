"""A network that reads a wave, a picture and a number goes the whole way, from windows to evidence about its file."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bedside.artifacts import commit, open_artifact, staged
from bedside.datasets.inputs import Shapes, described
from bedside.datasets.windows import Windows, write_windows
from bedside.errors import RefusedError
from bedside.lineage import Deployment
from bedside.models import Architecture
from bedside.quality.windows import WindowsSuite
from bedside.targets import Target
from bedside.tasks.ecg_beats.outcome import OUTCOME
from components.distill import distill
from components.evaluate import evaluate
from components.export import export
from components.optimize import optimize
from components.train_teacher import train_teacher
from components.validate import validate
from tests.support.networks import CLASSES

INPUTS: Shapes = {"wave": (1, 40), "picture": (2, 6, 6), "age": (1,)}
PATIENTS = {"train": ["a", "b"], "validation": ["c"], "calibration": ["d"], "test": ["e", "f"]}
TRAINING = {"epochs": 10, "threads": 1, "learning_rate": 0.02, "sampling": {"windows": 256, "batch": 32}}


class Three(nn.Module):
    """A convolution for the wave, one for the picture, and the age beside them."""

    def __init__(self, shapes: Shapes, classes: int, width: int) -> None:
        super().__init__()
        self.wave = nn.Sequential(nn.Conv1d(shapes["wave"][0], width, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1))
        self.picture = nn.Sequential(nn.Conv2d(shapes["picture"][0], width, 3), nn.ReLU(), nn.Flatten())
        pixels = math.prod(size - 2 for size in shapes["picture"][1:])
        self.verdict = nn.Linear(width + width * pixels + shapes["age"][0], classes)

    def forward(self, age: Tensor, picture: Tensor, wave: Tensor) -> Tensor:
        logits: Tensor = self.verdict(torch.cat([self.wave(wave).flatten(1), self.picture(picture), age], dim=1))
        return logits


@pytest.fixture(scope="module", autouse=True)
def kind() -> Iterator[None]:
    """The architecture of this file, known as long as its tests run."""

    class ThreeInputs(Architecture):
        kind: Literal["three_inputs"] = "three_inputs"
        width: int
        shapes: dict[str, tuple[int, ...]] = {}  # noqa: RUF012  # pydantic copies it
        classes: int = 4

        def fitted(self, inputs: Shapes, classes: int) -> Self:
            return self.model_copy(update={"shapes": dict(inputs), "classes": classes})

        def network(self) -> Three:
            return Three(self.shapes, self.classes, self.width)

    yield
    del Architecture.known["three_inputs"]


def windows(patients: list[str], names: list[str], each: int = 60) -> Windows:
    """How large the wave is, and how bright the picture, tell the classes apart."""
    random = np.random.default_rng(ord(patients[0]))
    owner = np.repeat([names.index(patient) for patient in patients], each)
    label = np.arange(len(owner)) % len(CLASSES)
    made = {name: random.normal(0, 0.3, (len(owner), *shape)).astype(np.float32) for name, shape in INPUTS.items()}
    made["wave"] *= np.where(label % 2 == 1, 8, 1)[:, None, None].astype(np.float32)  # whatever its polarity
    made["picture"] += np.where(label >= 2, 1.5, 0)[:, None, None, None].astype(np.float32)
    return Windows(made, label, owner, owner, np.arange(len(owner)) * 300)


def dataset(path: Path, splits: list[str]) -> Path:
    names = [patient for split in splits for patient in PATIENTS[split]]
    about = {
        "outcome": OUTCOME.model_dump(mode="json"),
        "inputs": described(INPUTS),
        "recording_rate": 360.0,
        "proof": {"shared_patients": 0},
        "records": names,
        "patients": names,
        "splits": {split: {"records": PATIENTS[split]} for split in splits},
    }
    with staged(path) as staging:
        for split in splits:
            write_windows(staging / f"{split}.safetensors", windows(PATIENTS[split], names))
        (staging / "dataset.json").write_text(json.dumps(about))
        commit(staging, path, {"labels": {"source": "simulated"}})
    return path


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, kind: None) -> Path:
    """A folder with windows that were approved, a teacher, its student and their graphs."""
    del kind
    folder = tmp_path_factory.mktemp("three")
    data = dataset(folder / "dataset", ["train", "validation", "calibration"])
    dataset(folder / "test", ["test"])
    validate(data=data, report=folder / "report", params=WindowsSuite())
    train_teacher(
        dataset=data,
        approval=folder / "report",
        teacher=folder / "teacher",
        params={"architecture": {"kind": "three_inputs", "width": 8}, "training": TRAINING},
    )
    distill(
        dataset=data,
        teacher=folder / "teacher",
        parent=folder / "teacher",
        student=folder / "student",
        params={
            "student": {"kind": "three_inputs", "width": 2},
            "training": TRAINING,
            "edge_training": TRAINING,
            "features": {},
        },
    )
    for name in ("teacher", "student"):
        export(dataset=data, model=folder / name, graph=folder / f"{name}-graph", params={})
    return folder


def test_the_student_has_learned_from_every_input(work: Path) -> None:
    graph = open_artifact(work / "student-graph")
    assert graph.json("parity.json")["label_changes"] == 0
    from bedside.edge.on_onnxruntime import OnnxRuntimeRunner

    runner, seen = OnnxRuntimeRunner((graph / "model.onnx").read_bytes()), windows(["e"], ["e"])
    assert list(runner.inputs.items()) == list(INPUTS.items())
    assert (runner(seen.inputs).argmax(1) == seen.label).mean() > 0.9


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_its_file_is_optimized_and_evaluated_on_every_target(work: Path, tmp_path: Path, name: str) -> None:
    target = Target.build({"kind": name})
    for model in ("teacher", "student"):
        optimize(graph=work / f"{model}-graph", optimized=tmp_path / model, target=target)
    quick = {"windows": 2, "runs": 30, "warmup": 2, "seconds": 0.1, "batches": [1, 4], "processes": 1}
    metrics = evaluate(
        test=work / "test",
        graph=tmp_path / "student",
        reference=tmp_path / "teacher",
        evidence=tmp_path / "evidence",
        deployment=Deployment(variant="student", target=name),
        target=target,
        params={"measure": quick, "replicates": 200},
    )
    assert metrics["test/accuracy"] > 0.9
    assert metrics["latency/p50_ms"] > 0
    assert metrics["cold_start/load_and_answer_ms"] > 0


def test_an_architecture_for_other_inputs_is_refused_by_name(work: Path, tmp_path: Path) -> None:
    shape = {"kind": "cnn_lstm", "convolutions": [], "head": 4}
    with pytest.raises(RefusedError, match=r"not wave \(1, 40\), picture \(2, 6, 6\) and age \(1\)"):
        train_teacher(
            dataset=work / "dataset",
            approval=work / "report",
            teacher=tmp_path / "teacher",
            params={"architecture": shape, "training": TRAINING},
        )
