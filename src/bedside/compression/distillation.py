"""Knowledge distillation (Hinton et al. 2015): the student learns the teacher's soft answers beside the true labels."""

from collections.abc import Callable

import numpy as np
import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside.params import Params
from bedside.training.batches import Batch, Tensors
from bedside.training.loop import Loss


class SoftTargets(Params):
    """`alpha` is the weight of the teacher's answers, softened by `temperature`; the labels get the rest."""

    temperature: float = pydantic.Field(default=3.0, gt=0)
    alpha: float = pydantic.Field(default=0.7, ge=0, le=1)


def distillation_loss(how: SoftTargets, teacher: nn.Module) -> Loss:
    """alpha T^2 KL(teacher || student, both softened) + (1 - alpha) cross entropy.

    The teacher answers the very window that the student is shown, augmentation included (Beyer et al. 2022): with
    answers stored once for the recorded windows, twice as many validation beats flipped (docs/adr/0008).
    """
    teacher.eval()

    def loss(student: nn.Module, batch: Batch) -> Tensor:
        with torch.no_grad():
            soft = torch.softmax(teacher(batch.signal, batch.rhythm) / how.temperature, dim=1)
        logits = student(batch.signal, batch.rhythm)
        log_student = torch.log_softmax(logits / how.temperature, dim=1)
        imitation = functional.kl_div(log_student, soft, reduction="batchmean") * how.temperature**2
        return how.alpha * imitation + (1 - how.alpha) * functional.cross_entropy(logits, batch.target)

    return loss


class EdgeCases(Params):
    """The last step: a small set of rare-condition windows, with replay of ordinary ones against forgetting."""

    rare: tuple[str, ...] = ("S", "V", "F")
    replay: float = pydantic.Field(default=1.0, ge=0, description="ordinary windows per rare one")
    tolerance: float = pydantic.Field(default=0.01, ge=0, description="largest fall of any watched class")


def edge_cases(how: EdgeCases, classes: list[str], student_logits: Tensor, label: Tensor, seed: int) -> Tensor:
    """Indices of the windows of rare classes that the student gets wrong, with replayed ordinary windows."""
    rare = torch.isin(label, torch.tensor([classes.index(name) for name in how.rare]))
    hard = torch.nonzero(rare & (student_logits.argmax(dim=1) != label)).flatten()
    ordinary = torch.nonzero(~torch.isin(torch.arange(len(label)), hard)).flatten()
    generator = torch.Generator().manual_seed(seed)
    replayed = torch.randperm(len(ordinary), generator=generator)[: int(how.replay * len(hard))]
    return torch.cat([hard, ordinary[replayed]]).sort().values


def subset(data: Tensors, index: Tensor) -> Tensors:
    """The rows of a split."""
    return Tensors(data.signal[index], data.rhythm[index], data.label[index], data.patient[index])


def without_forgetting(
    score: Callable[[nn.Module], dict[str, float]], before: dict[str, float], tolerance: float
) -> Callable[[nn.Module], dict[str, float]]:
    """A score that is minus infinity as soon as any watched class has fallen by more than `tolerance`."""

    def guarded(network: nn.Module) -> dict[str, float]:
        now = score(network)
        forgotten = [k for k, v in now.items() if k != "score" and v < before[k] - tolerance]
        return {**now, "score": -np.inf} if forgotten else now

    return guarded
