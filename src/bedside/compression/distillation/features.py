"""Feature distillation (FitNets, Romero et al. 2015): the student's head sees what the teacher's head sees."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pydantic
import torch
from torch import Tensor, nn

from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError
from bedside.models.last import last_layer
from bedside.params import Params
from bedside.training.batches import Batch
from bedside.training.loop import Loss


class Features(Params):
    """How much the teacher's features count beside its answers."""

    weight: float = pydantic.Field(default=0.3, gt=0, description="of the unexplained share of the teacher's features")


class Hinted(nn.Module):
    """A student and the linear projection of its features onto the teacher's, as one network to train.

    One module, so that optimizer, checkpoint and best epoch hold both together: a resumed training goes on with the
    projection it had. It answers as the student does; only `student` is kept afterwards. RefusedError for one of the
    two that has no last layer to listen to.
    """

    def __init__(self, student: nn.Module, teacher: nn.Module, shapes: Shapes) -> None:
        super().__init__()
        self.student = student
        asked = {"student": student, "teacher": teacher}
        self.last = {whose: _last(network, whose, shapes) for whose, network in asked.items()}
        self.projection = nn.Linear(self.last["student"].in_features, self.last["teacher"].in_features)

    def forward(self, **inputs: Tensor) -> Tensor:
        """(batch, *shape) each -> the student's logits (batch, class)."""
        logits: Tensor = self.student(**inputs)
        return logits


@contextlib.contextmanager
def feature_distillation(how: Features, pair: Hinted, loss: Loss) -> Iterator[Loss]:
    """`loss`, plus `weight` times the share of the teacher's features that the projected ones leave unexplained.

    The features are what enters the last layer. `loss` must ask both networks about the batch: its own passes are
    listened to, so that no window goes through a network twice.
    """

    def both(network: nn.Module, batch: Batch) -> Tensor:
        value = loss(network, batch)
        return value + how.weight * unexplained(pair.projection(own["features"]), taught["features"])

    with _listening(pair.last["student"]) as own, _listening(pair.last["teacher"]) as taught:
        yield both


def unexplained(projected: Tensor, features: Tensor) -> Tensor:
    """Squared error over the squared size of the teacher's features (batch, unit): 0 is a copy, 1 is saying nothing.

    A share, so that its weight means the same for every teacher.

    >>> unexplained(torch.zeros(2, 3), torch.ones(2, 3)).item()
    1.0
    """
    error: Tensor = (projected - features).square().sum()
    return error / features.square().sum().clamp_min(torch.finfo(features.dtype).tiny)


@contextlib.contextmanager
def _listening(last: nn.Linear) -> Iterator[dict[str, Tensor]]:
    """What entered a network's last layer in its latest pass, under `features`."""
    heard: dict[str, Tensor] = {}

    def hear(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        del layer
        heard["features"] = inputs[0]

    hook = last.register_forward_pre_hook(hear)
    try:
        yield heard
    finally:
        hook.remove()


def _last(network: nn.Module, whose: str, shapes: Shapes) -> nn.Linear:
    layer = last_layer(network, shapes)
    if layer is None:
        raise RefusedError(
            f"features: the {whose} does not end in a linear layer, so nobody knows its features; leave features out"
        )
    return layer
