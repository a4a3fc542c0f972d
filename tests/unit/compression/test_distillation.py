"""The student hears teacher and labels in the stated shares, and its last step forgets nothing unseen."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from bedside.compression.distillation import (
    EdgeCases,
    SoftTargets,
    distillation_loss,
    edge_cases,
    subset,
    without_forgetting,
)
from bedside.training.batches import Batch, Tensors

LABEL = torch.tensor([0, 1, 2, 0])
LOGITS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 0.0, 0.0]])
BATCH = Batch(torch.zeros(4, 2, 8), torch.zeros(4, 7), torch.eye(3)[LABEL])


class Says(nn.Module):
    """A network that always answers the same logits."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, signal: torch.Tensor, rhythm: torch.Tensor) -> torch.Tensor:
        del signal, rhythm
        return self.logits


def test_a_student_that_repeats_its_teacher_pays_only_for_the_labels() -> None:
    loss = distillation_loss(SoftTargets(temperature=3.0, alpha=0.7), Says(LOGITS))
    expected = 0.3 * functional.cross_entropy(LOGITS, LABEL)
    assert loss(Says(LOGITS), BATCH).item() == pytest.approx(expected.item(), abs=1e-6)


def test_alpha_one_needs_no_labels() -> None:
    loss = distillation_loss(SoftTargets(alpha=1.0), Says(LOGITS))
    relabelled = Batch(BATCH.signal, BATCH.rhythm, BATCH.target.flip(0))
    student = Says(LOGITS + torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    assert loss(student, BATCH).item() == loss(student, relabelled).item() > 0


def test_the_teacher_is_asked_about_the_window_that_the_student_sees() -> None:
    class Echo(nn.Module):
        """Its logits are the first three samples of the window."""

        def forward(self, signal: torch.Tensor, rhythm: torch.Tensor) -> torch.Tensor:
            del rhythm
            return signal[:, 0, :3]

    seen = Batch(torch.randn(4, 2, 8, generator=torch.Generator().manual_seed(0)), BATCH.rhythm, BATCH.target)
    loss = distillation_loss(SoftTargets(alpha=1.0), Echo())
    assert loss(Echo(), seen).item() == pytest.approx(0.0, abs=1e-6)
    assert loss(Says(LOGITS), seen).item() > 0.01


def test_edge_cases_are_the_rare_windows_that_the_student_misses_with_replay() -> None:
    label = torch.tensor([0] * 20 + [1] * 5 + [2] * 5)
    answers = torch.zeros(30, 3)
    answers[:, 0] = 1.0  # everything is called normal: every rare window is missed
    answers[25] = torch.tensor([0.0, 0.0, 5.0])  # but one
    rows = edge_cases(EdgeCases(rare=("S", "V"), replay=2.0), ["N", "S", "V"], answers, label, seed=0)
    missed = [*range(20, 25), *range(26, 30)]
    assert set(missed) <= set(rows.tolist())
    assert len(rows) == min(len(missed) * 3, 30)


def test_a_step_that_forgets_a_watched_class_never_wins() -> None:
    guarded = without_forgetting(
        lambda _: {"score": 0.9, "V": 0.95, "S": 0.5}, {"score": 0.7, "V": 0.8, "S": 0.6}, 0.05
    )
    assert guarded(nn.Identity())["score"] == float("-inf")


def test_a_small_fall_within_tolerance_is_allowed() -> None:
    guarded = without_forgetting(
        lambda _: {"score": 0.9, "V": 0.95, "S": 0.58}, {"score": 0.7, "V": 0.8, "S": 0.6}, 0.05
    )
    assert guarded(nn.Identity())["score"] == 0.9


def test_a_subset_keeps_rows_together() -> None:
    data = Tensors(torch.arange(4.0).reshape(4, 1, 1), torch.arange(4.0)[:, None], LABEL, torch.arange(4))
    part = subset(data, torch.tensor([1, 3]))
    assert part.signal.flatten().tolist() == part.rhythm.flatten().tolist() == [1.0, 3.0]
    assert part.label.tolist() == [1, 0]
