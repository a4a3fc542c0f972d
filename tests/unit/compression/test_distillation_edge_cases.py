"""The step on edge cases: a condition that was missed is learned, and what would be forgotten is rolled back."""

import pytest
import torch
from torch import nn

from bedside.compression.distillation.edge_cases import (
    EdgeCases,
    _judgement,
    edge_cases,
    floors,
    learn_edge_cases,
    with_replay,
    without_forgetting,
)
from bedside.models.cnn_lstm import CnnLstmNetwork
from bedside.training.batches import Tensors
from bedside.training.soft_targets import SoftTargets
from bedside.training.stages import Splits, Validation
from bedside.training.validation import logits_of
from tests.support.outcomes import deciding
from tests.unit.compression.waves import CLASSES, LARGE, SMALL, beats, splits, taught, training, weights

STRONG = training(epochs=2, learning_rate=5e-2)
VALIDATION = beats(40, 40, 40, 40, seed=9)


@pytest.fixture(scope="module")
def teacher() -> CnnLstmNetwork:
    return taught(LARGE, 60, 60, 60, 60)


def right(network: nn.Module) -> list[float]:
    """Share of each class that is right on validation patients."""
    same = logits_of(network, VALIDATION).argmax(1) == VALIDATION.label
    return [same[VALIDATION.label == c].float().mean().item() for c in range(len(CLASSES))]


def test_a_rare_condition_that_the_student_missed_is_learned_and_no_other_is_lost(teacher: CnnLstmNetwork) -> None:
    student = taught(SMALL, 60, 60, 60, 0)
    before, seen = right(student), splits(beats(400, 40, 40, 12, seed=5), VALIDATION)
    metrics = learn_edge_cases(
        EdgeCases(rare=("F",), replay=10), training(8, 1e-2), SoftTargets(), student, teacher, seen
    )
    after = right(student)
    assert before[3] == 0.0
    assert after[3] > 0.8
    assert all(now >= then - 0.02 for now, then in zip(after[:3], before[:3], strict=True))
    assert metrics["edge_cases/windows"] == 12
    assert metrics["edge_cases/rescued"] > 0.8
    assert metrics["edge_cases/kept_epoch"] > 0


def test_a_step_so_strong_that_another_condition_is_forgotten_is_rolled_back(teacher: CnnLstmNetwork) -> None:
    student = taught(SMALL, 60, 60, 0, 0)
    known, seen = weights(student), splits(beats(400, 0, 24, 0, seed=5), VALIDATION)  # no S to replay
    step = EdgeCases(rare=("V",), replay=1)
    metrics = learn_edge_cases(step, STRONG, SoftTargets(), student, teacher, seen)
    assert metrics["edge_cases/kept_epoch"] == 0
    assert weights(student) == known

    unguarded = step.model_copy(update={"tolerance": 1.0})
    learn_edge_cases(unguarded, STRONG, SoftTargets(), student, teacher, seen)
    assert right(student)[:3] == [1.0, 0.0, 1.0]  # V for S: no worse on average, and yet S is lost


class Answers(nn.Module):
    """A network that gives each window, known by its first sample, a fixed answer."""

    def __init__(self, answers: list[int]) -> None:
        super().__init__()
        self.logits = torch.eye(3)[torch.tensor(answers)]

    def forward(self, signal: torch.Tensor, rhythm: torch.Tensor) -> torch.Tensor:
        del rhythm
        return self.logits[signal[:, 0, 0].long()]


LABEL = torch.tensor([0, 0, 1, 1, 2, 2])
NUMBERED = Tensors(
    {"signal": torch.arange(6.0).reshape(6, 1, 1), "rhythm": torch.arange(6.0)[:, None]}, LABEL, torch.zeros(6)
)
THREE = Splits(deciding("N", "S", "V"), NUMBERED, NUMBERED, Validation())


def test_an_edge_case_is_rare_and_the_teacher_has_it_right_and_the_student_wrong() -> None:
    student, teacher = Answers([1, 0, 0, 0, 0, 2]), Answers([0, 0, 1, 0, 2, 2])
    #  a missed N, an N, a missed S, an S that both miss, a missed V, a V that both have
    assert edge_cases(EdgeCases(rare=("S", "V")), THREE, student, teacher).tolist() == [2, 4]
    assert edge_cases(EdgeCases(rare=("V",)), THREE, student, teacher).tolist() == [4]


def test_a_student_that_misses_nothing_its_teacher_knows_is_left_alone() -> None:
    twin = Answers([0, 0, 0, 0, 2, 2])
    metrics = learn_edge_cases(EdgeCases(rare=("S", "V")), training(1, 1.0), SoftTargets(), twin, twin, THREE)
    assert metrics == {"edge_cases/windows": 0.0, "edge_cases/rescued": 0.0, "edge_cases/kept_epoch": 0.0}


def test_average_precision_is_watched_beside_fidelity_which_is_blind_to_false_alarms() -> None:
    truth = Answers(LABEL.tolist())
    found = _judgement(truth, THREE)(truth)
    assert {name for name in found if name.endswith("_average_precision")} == {
        f"{name}_average_precision" for name in THREE.watched
    }
    assert any(name.endswith("_kept") for name in found)


def test_no_rare_class_means_no_such_step() -> None:
    assert not len(edge_cases(EdgeCases(rare=()), THREE, Answers([1] * 6), Answers(LABEL.tolist())))


def test_replay_adds_other_windows_in_proportion_and_each_once() -> None:
    rows = with_replay(torch.tensor([3, 50]), 100, replay=4, seed=0).tolist()
    assert {3, 50} < set(rows)
    assert len(rows) == len(set(rows)) == 2 + 8
    assert with_replay(torch.tensor([3, 50]), 100, replay=1000, seed=0).tolist() == list(range(100))


def test_a_class_may_fall_to_the_teacher_but_not_below_both() -> None:
    before = {"score": 0.7, "V": 0.8, "S": 0.6, "N_kept": 0.99}
    least = floors(before, {"score": 0.6, "V": 0.9, "S": 0.5}, 0.05)
    assert least == pytest.approx({"V": 0.75, "S": 0.45, "N_kept": 0.94})
    as_good = {"score": 0.9, "V": 0.76, "S": 0.46, "N_kept": 0.95}

    def judged(**numbers: float) -> float:
        return without_forgetting(lambda _: as_good | numbers, least)(nn.Identity())["score"]

    assert judged() == 0.9
    assert judged(V=0.74) == judged(S=0.44) == judged(N_kept=0.93) == float("-inf")


def test_rows_of_a_split_stay_together() -> None:
    part = NUMBERED[torch.tensor([1, 4])]
    assert [values.flatten().tolist() for values in part.inputs.values()] == [[1.0, 4.0]] * 2
    assert part.label.tolist() == [0, 2]
