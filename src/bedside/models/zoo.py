"""What the ready-made networks share: one signal, however it is called, and features that join before the answer."""

from collections.abc import Mapping
from typing import Self

import pydantic
import torch
from torch import Tensor

from bedside.datasets.inputs import Shapes, said
from bedside.errors import RefusedError
from bedside.models.base import Architecture


class Ready(Architecture):
    """A network for any data set with one input of (channel, time); inputs of (feature,) join before the last layer."""

    inputs: dict[str, tuple[pydantic.PositiveInt, ...]] = pydantic.Field(default={}, description="name -> shape")
    classes: int = pydantic.Field(default=2, ge=2)

    def fitted(self, inputs: Shapes, classes: int) -> Self:
        signals = [name for name, shape in inputs.items() if len(shape) == 2]
        others = [name for name, shape in inputs.items() if len(shape) not in {1, 2}]
        if len(signals) != 1 or others:
            raise RefusedError(
                f"a {self.kind} reads one input of (channel, time) and any of (feature,), not {said(inputs)}; name a "
                "network of your own (kind: torch) for other windows"
            )
        shapes = {name: tuple(shape) for name, shape in inputs.items()}
        return self.model_copy(update={"inputs": shapes, "classes": classes})

    @property
    def channels(self) -> int:
        """Channels of the signal."""
        return self._signal[0]

    @property
    def length(self) -> int:
        """Samples of the signal."""
        return self._signal[1]

    @property
    def features(self) -> int:
        """Features beside the signal."""
        return sum(shape[0] for shape in self.inputs.values() if len(shape) == 1)

    @property
    def _signal(self) -> tuple[int, ...]:
        return next(shape for shape in self.inputs.values() if len(shape) == 2)


def signal_of(inputs: Mapping[str, Tensor]) -> Tensor:
    """The signal (batch, channel, time) among a network's inputs."""
    return next(tensor for tensor in inputs.values() if tensor.dim() == 3)


def with_features(summary: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
    """(batch, unit) and the features after it."""
    features = [tensor for tensor in inputs.values() if tensor.dim() == 2]
    return torch.cat([summary, *features], dim=1) if features else summary
