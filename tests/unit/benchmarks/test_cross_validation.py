"""Nobody is judged by a network that saw them, every beat is judged once, and what is done is not done again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from bedside.artifacts import Artifact, open_artifact
from bedside.datasets.inputs import described
from bedside.datasets.windows import Windows, write_windows
from bedside.tasks.ecg_beats.outcome import OUTCOME
from bedside.training.stages import Splits
from benchmarks import cross_validation
from components.train_teacher import TrainTeacher
from pipelines.workspace import ROOT
from tests.conftest import MakeArtifact

PEOPLE = sorted(name for fold in cross_validation.FOLDS for name in fold)
CLASSES = OUTCOME.classes
RECIPE = yaml.safe_load((ROOT / "params.yaml").read_text())["train_teacher"]
INPUTS = {"signal": (2, 4), "rhythm": (len(CLASSES),)}
BEATS = 8  # of each person, two of each class


def windows(people: list[str], views: int) -> Windows:
    """`views` windows of every beat; the signal says whose it is and which view, the rhythm what it is."""
    rows = [(PEOPLE.index(name), view, beat) for name in people for view in range(views) for beat in range(BEATS)]
    person, view, beat = np.array(rows).T
    label = beat % len(CLASSES)
    signal = np.stack([person, view], axis=1)[:, :, None].repeat(4, axis=2).astype(np.float32)
    inputs = {"signal": signal, "rhythm": np.eye(len(CLASSES), dtype=np.float32)[label]}
    return Windows(inputs, label, person, person, beat)


def dataset(make: MakeArtifact, tmp_path: Path, people: list[str]) -> Artifact:
    files: dict[str, str | bytes] = {
        "dataset.json": json.dumps(
            {"outcome": OUTCOME.model_dump(mode="json"), "patients": PEOPLE, "inputs": described(INPUTS)}
        )
    }
    for name, part, views in (
        ("train", people[:-4], 2),
        ("validation", people[-4:-2], 1),
        ("calibration", people[-2:], 1),
    ):
        write_windows(tmp_path / "part.safetensors", windows(part, views))
        files[f"{name}.safetensors"] = (tmp_path / "part.safetensors").read_bytes()
    return open_artifact(make("dataset", files, source="simulated"))


class Knows(torch.nn.Module):
    """Answers what the rhythm says."""

    def forward(self, signal: torch.Tensor, rhythm: torch.Tensor) -> torch.Tensor:
        del signal
        return 9 * rhythm


def test_every_beat_is_judged_once_by_a_network_that_never_saw_its_person(
    make_artifact: MakeArtifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []

    def trained(splits: Splits, params: TrainTeacher) -> tuple[torch.nn.Module, Any]:
        assert params.operating_point == {}
        seen.append({PEOPLE[int(person)] for person in splits.train.inputs["signal"][:, 0, 0]})
        assert 1 in splits.train.inputs["signal"][:, 1, 0]  # other leads train
        assert not splits.validation.inputs["signal"][:, 1].any()  # and judge nothing
        return Knows(), None

    monkeypatch.setattr(cross_validation, "trained", trained)
    data = dataset(make_artifact, tmp_path, PEOPLE)
    logits, beats, classes = cross_validation.held_out(data, RECIPE, 0, tmp_path / "work")
    assert [set(fold) for fold in cross_validation.FOLDS] == [set(PEOPLE) - one for one in seen]
    assert sorted(zip(beats.patient.tolist(), beats.sample.tolist(), strict=True)) == [
        (person, beat) for person in range(len(PEOPLE)) for beat in range(BEATS)
    ]
    assert (logits.argmax(axis=1) == beats.label).all()
    again, _, _ = cross_validation.held_out(data, RECIPE, 0, tmp_path / "work")
    assert len(seen) == len(cross_validation.FOLDS)
    np.testing.assert_array_equal(again, logits)

    unshifted = cross_validation.at(0.0, logits, beats, classes)
    assert (unshifted["sensitivity"], unshifted["predictivity"]) == (1.0, 1.0)
    assert 0.5 < unshifted["lower"] < 1.0
    eager = cross_validation.at(10.0, logits, beats, classes)  # calls everything V; an F beat is then neither
    assert eager["sensitivity"] == 1.0
    assert eager["predictivity"] == pytest.approx(1 / 3)


def test_a_dataset_without_the_patients_of_the_folds_is_refused(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no patient 101 in .*it is for MIT-BIH's DS1"):
        cross_validation.held_out(dataset(make_artifact, tmp_path, PEOPLE[1:]), RECIPE, 0, tmp_path / "work")
