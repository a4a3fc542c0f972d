"""The student hears teacher and labels in the stated shares, about the window it sees or about the recorded one."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from bedside.compression.distillation import SoftTargets, distillation_loss
from bedside.errors import RefusedError
from bedside.training.batches import Batch
from bedside.training.loop import fit, prepare_torch
from bedside.training.validation import logits_of
from tests.unit.compression.waves import CLASSES, LARGE, SMALL, STILL, beats, latest, taught, training

LABEL = torch.tensor([0, 1, 2, 0])
LOGITS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 0.0, 0.0]])
BATCH = Batch({"signal": torch.zeros(4, 2, 8), "rhythm": torch.zeros(4, 7)}, torch.eye(3)[LABEL])


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


def test_soft_targets_cost_the_divergence_from_the_teacher_times_the_square_of_the_temperature() -> None:
    student = LOGITS.flip(1)
    p, q = (torch.softmax(logits / 3.0, dim=1) for logits in (LOGITS, student))
    loss = distillation_loss(SoftTargets(temperature=3.0, alpha=1.0), Says(LOGITS))
    expected = 9 * (p * (p / q).log()).sum(dim=1).mean()
    assert loss(Says(student), BATCH).item() == pytest.approx(expected.item(), rel=1e-5)


def test_alpha_one_needs_no_labels() -> None:
    loss = distillation_loss(SoftTargets(alpha=1.0), Says(LOGITS))
    relabelled = Batch(BATCH.inputs, BATCH.target.flip(0))
    student = Says(LOGITS + torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    assert loss(student, BATCH).item() == loss(student, relabelled).item() > 0


def test_the_teacher_is_asked_about_the_window_that_the_student_sees() -> None:
    class Echo(nn.Module):
        """Its logits are the first three samples of the window."""

        def forward(self, signal: torch.Tensor, rhythm: torch.Tensor) -> torch.Tensor:
            del rhythm
            return signal[:, 0, :3]

    signal = torch.randn(4, 2, 8, generator=torch.Generator().manual_seed(0))
    seen = Batch({**BATCH.inputs, "signal": signal}, BATCH.target)
    loss = distillation_loss(SoftTargets(alpha=1.0), Echo())
    assert loss(Echo(), seen).item() == pytest.approx(0.0, abs=1e-6)
    assert loss(Says(LOGITS), seen).item() > 0.01


def test_stored_answers_are_those_to_the_recorded_windows_mixed_as_the_windows_are() -> None:
    recorded = torch.tensor([[6.0, 0.0, 0.0], [0.0, 0.0, 6.0]])
    rows, how = torch.tensor([[0, 1]] * 4), SoftTargets(alpha=1.0, answers="stored")
    batch = Batch(BATCH.inputs, BATCH.target, rows, share=0.7)
    loss = distillation_loss(how, nn.Identity(), recorded)  # nobody is asked about the window itself

    soft = torch.softmax(recorded / how.temperature, dim=1)
    mixture = (0.7 * soft[0] + 0.3 * soft[1]).log() * how.temperature
    assert loss(Says(mixture.expand(4, 3)), batch).item() == pytest.approx(0.0, abs=1e-6)
    geometric = 0.7 * recorded[0] + 0.3 * recorded[1]
    assert loss(Says(geometric.expand(4, 3)), batch).item() > 0.01


def test_a_student_learns_from_stored_answers_alone() -> None:
    data, teacher = beats(60, 20, 20, 20), taught(LARGE, 60, 20, 20, 20)
    how = training(epochs=6, learning_rate=2e-2, augmentation=STILL.model_copy(update={"mixup": 0.3}))
    prepare_torch(how)
    loss = distillation_loss(SoftTargets(alpha=1.0, answers="stored"), nn.Identity(), logits_of(teacher, data))
    student = SMALL.network()
    fit(student, data, len(CLASSES), how, loss, latest)
    answers = logits_of(student, data).argmax(1)
    assert (answers == logits_of(teacher, data).argmax(1)).float().mean() > 0.95


def test_a_technique_that_stores_no_answers_refuses_to_pretend() -> None:
    with pytest.raises(RefusedError, match="set it to consistent"):
        distillation_loss(SoftTargets(answers="stored"), Says(LOGITS))
