"""The pictures are drawn for any evidence, the same every time, with the dangerous flips first."""

from pathlib import Path

import numpy as np
import pytest

from bedside.evaluation import Predictions
from bedside.evaluation.pictures import draw
from bedside.evaluation.pictures.curves import curve
from bedside.evaluation.pictures.flips import choose
from tests.support.cohort import Cohort, everyone

COHORT = Cohort(patients=3, beats={"N": 12, "S": 6, "V": 6, "Q": 1})
NAMES = {"confusion.png", "per_patient.png", "roc.png", "flips.png"}


def drawn(folder: Path, candidate: Predictions) -> dict[str, bytes]:
    folder.mkdir()
    signal = np.random.default_rng(0).normal(size=(len(candidate.label), 2, 40)).astype(np.float32)
    names = {"records": COHORT.names, "patients": COHORT.names}
    draw(
        folder,
        candidate,
        COHORT.answers({}),
        inputs={"ecg": signal, "age": signal[:, 0, :1]},
        **names,
        title="pruned on a target",
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_four_pictures_are_drawn_and_are_the_same_every_time(tmp_path: Path) -> None:
    worse = COHORT.answers({(1, "V"): (3, "N"), (0, "N"): (2, "S")})
    first = drawn(tmp_path / "first", worse)
    assert set(first) == NAMES
    assert all(picture.startswith(b"\x89PNG") for picture in first.values())
    assert drawn(tmp_path / "second", worse) == first


def test_evidence_without_any_flip_has_pictures_too(tmp_path: Path) -> None:
    assert set(drawn(tmp_path / "none", COHORT.answers({}))) == NAMES


def test_the_area_under_the_curve_of_the_worked_example() -> None:
    wrong, right, area = curve(np.array([0.9, 0.8, 0.3]), np.array([True, False, True]))
    assert area == pytest.approx(0.5)
    assert (wrong.tolist(), right.tolist()) == ([0, 0, 1, 1], [0, 0.5, 0.5, 1])


def test_equal_scores_are_one_step_of_the_curve() -> None:
    assert curve(np.ones(4), np.array([True, False, True, False]))[2] == pytest.approx(0.5)


def test_flips_of_v_are_drawn_first_and_patients_take_turns() -> None:
    candidate = COHORT.answers({**everyone(COHORT, "N", 4, "V"), **everyone(COHORT, "V", 2, "N")})
    flipped = np.flatnonzero(candidate.called != np.maximum(COHORT.label, 0))
    chosen = choose(candidate, flipped, 8)
    assert [int(candidate.label[beat]) for beat in chosen] == [2, 2, 2, 2, 0, 0, 0, 0]
    assert [int(candidate.patient[beat]) for beat in chosen[:4]] == [0, 1, 2, 0]
