"""Fidelity counts what the teacher has right and the candidate keeps, with every class counting the same."""

import pytest
import torch
from torch import nn

from bedside.compression.fidelity import fidelity
from bedside.errors import RefusedError
from bedside.training.batches import Tensors
from bedside.training.stages import Splits, Validation
from tests.support.outcomes import deciding

LABEL = torch.tensor([0] * 8 + [1, 1])


class Answers(nn.Module):
    """A network that gives each window, known by its first sample, a fixed answer."""

    def __init__(self, answers: list[int]) -> None:
        super().__init__()
        self.logits = torch.eye(2)[torch.tensor(answers)]

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        return self.logits[signal[:, 0, 0].long()]


def splits() -> Splits:
    windows = Tensors({"signal": torch.arange(10.0).reshape(10, 1, 1)}, LABEL, torch.zeros(10))
    return Splits(deciding("N", "V", unit={"one": "epoch", "many": "epochs"}), windows, windows, Validation())


def test_a_class_counts_the_same_however_rare_it_is() -> None:
    score = fidelity(Answers(LABEL.tolist()), splits())
    assert score(Answers([0] * 10))["score"] == pytest.approx(0.5)
    assert score(Answers([1, 1, 0, 0, 0, 0, 0, 0, 1, 1]))["score"] == pytest.approx((0.75 + 1) / 2)


def test_what_the_teacher_has_wrong_cannot_be_lost() -> None:
    score = fidelity(Answers([0] * 9 + [1]), splits())  # one V beat missed by the teacher
    assert score(Answers([0] * 9 + [1])) == {"score": 1.0, "N_kept": 1.0, "V_kept": 1.0}


def test_nobody_can_be_true_to_a_teacher_who_has_nothing_right() -> None:
    with pytest.raises(RefusedError, match="the teacher has no validation epoch right"):
        fidelity(Answers((1 - LABEL).tolist()), splits())
