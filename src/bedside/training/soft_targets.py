"""Knowledge distillation (Hinton et al. 2015): the student learns the teacher's soft answers beside the true labels."""

from collections.abc import Callable
from typing import Literal

import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside.errors import RefusedError
from bedside.params import Params
from bedside.training.batches import Batch
from bedside.training.loop import Loss

# The teacher's answers (batch, class) to a batch: probabilities softened by the temperature.
Answers = Callable[[Batch], Tensor]


class SoftTargets(Params):
    """`alpha` is the weight of the teacher's answers, softened by `temperature`; the labels get the rest."""

    temperature: float = pydantic.Field(default=3.0, gt=0)
    alpha: float = pydantic.Field(default=0.7, ge=0, le=1)
    answers: Literal["consistent", "stored"] = pydantic.Field(
        default="consistent", description="to the window as augmented, or computed once for the recorded ones"
    )


def distillation_loss(how: SoftTargets, teacher: nn.Module, recorded: Tensor | None = None) -> Loss:
    """alpha T^2 KL(teacher || student, both softened) + (1 - alpha) cross entropy.

    `recorded` are the teacher's logits (window, class) of the training windows, which `answers: stored` needs; without
    them it raises RefusedError.
    """
    answers = _answers(how, teacher, recorded)

    def loss(student: nn.Module, batch: Batch) -> Tensor:
        logits = student(**batch.inputs)
        log_student = torch.log_softmax(logits / how.temperature, dim=1)
        imitation = functional.kl_div(log_student, sound(answers(batch)), reduction="batchmean") * how.temperature**2
        return how.alpha * imitation + (1 - how.alpha) * functional.cross_entropy(logits, batch.target)

    return loss


def sound(answers: Tensor) -> Tensor:
    """The teacher's answers (batch, class) themselves; RefusedError where they are not finite.

    A loss that is not finite for their sake must not be blamed on the student's training.
    """
    if not torch.isfinite(answers).all():
        raise RefusedError(
            "the answers of who is imitated (teacher, parent or committee) are not finite: train that again, or raise "
            "soft_targets.temperature"
        )
    return answers


def _answers(how: SoftTargets, teacher: nn.Module, recorded: Tensor | None) -> Answers:
    if how.answers == "consistent":
        return _consistent(teacher, how.temperature)
    if recorded is None:
        raise RefusedError("soft_targets.answers: stored is not offered by this technique; set it to consistent")
    return _stored(torch.softmax(recorded / how.temperature, dim=1))


def _consistent(teacher: nn.Module, temperature: float) -> Answers:
    """The teacher answers the very window that the student is shown, augmentation included (Beyer et al. 2022).

    With answers stored once for the recorded windows, twice as many validation windows flipped (docs/adr/0008).
    """
    teacher.eval()

    def answers(batch: Batch) -> Tensor:
        with torch.no_grad():
            return torch.softmax(teacher(**batch.inputs) / temperature, dim=1)

    return answers


def _stored(soft: Tensor) -> Answers:
    """Answers to the recorded windows, for a teacher that is too slow to be asked in every step.

    Augmentation is taken to preserve them, as it preserves labels. Windows mixed by mixup get their two answers in the
    same shares, because the loss is linear in its target: this is the share-weighted loss of both answers. Mixed logits
    would be a geometric mean, in which the surer answer drowns the other whatever its share.
    """

    def answers(batch: Batch) -> Tensor:
        share, (one, other) = batch.share, batch.rows.unbind(1)
        return share * soft[one] + (1 - share) * soft[other]

    return answers
