"""Linear layers over everything that a window holds: for tables of numbers, and as the head of an early exit."""

import itertools
import math
from typing import Literal, Self

import pydantic
import torch
from torch import Tensor, nn

from bedside.datasets.inputs import Shapes
from bedside.models.base import Architecture


class Perceptron(Architecture):
    """Inputs of any shape, flattened and joined; `hidden` layers with ReLU before the answer."""

    kind: Literal["perceptron"] = "perceptron"
    hidden: tuple[pydantic.PositiveInt, ...] = (32,)
    dropout: float = pydantic.Field(default=0.1, ge=0, lt=1)
    inputs: dict[str, tuple[pydantic.PositiveInt, ...]] = pydantic.Field(default={}, description="name -> shape")
    classes: int = pydantic.Field(default=2, ge=2)

    def fitted(self, inputs: Shapes, classes: int) -> Self:
        shapes = {name: tuple(shape) for name, shape in inputs.items()}
        return self.model_copy(update={"inputs": shapes, "classes": classes})

    def network(self) -> "PerceptronNetwork":
        return PerceptronNetwork(self)


class PerceptronNetwork(nn.Module):
    """The module."""

    def __init__(self, shape: Perceptron) -> None:
        super().__init__()
        widths = [sum(math.prod(one) for one in shape.inputs.values()), *shape.hidden]
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        self.dropout = nn.Dropout(shape.dropout)
        self.output = nn.Linear(widths[-1], shape.classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name, each with the batch first -> logits (batch, class)."""
        values = torch.cat([tensor.flatten(1) for tensor in inputs.values()], dim=1)
        for layer in self.hidden:
            values = self.dropout(torch.relu(layer(values)))
        logits: Tensor = self.output(values)
        return logits
