"""InceptionTime (Ismail Fawaz et al. 2020): kernels of several lengths read the signal side by side."""

from typing import Literal

import pydantic
import torch
from torch import Tensor, nn

from bedside.models.zoo import Ready, signal_of, with_features


class InceptionTime(Ready):
    """`depth` modules, each of `filters` per kernel and as many after a maximum; a shortcut from first to last."""

    kind: Literal["inception_time"] = "inception_time"
    depth: pydantic.PositiveInt = 3
    filters: pydantic.PositiveInt = 16
    bottleneck: pydantic.PositiveInt = 16
    kernels: tuple[pydantic.PositiveInt, ...] = pydantic.Field(default=(9, 19, 39), min_length=1)

    def network(self) -> "InceptionTimeNetwork":
        return InceptionTimeNetwork(self)


class Inception(nn.Module):
    """A bottleneck, convolutions of several lengths and a maximum, concatenated."""

    def __init__(self, inputs: int, shape: InceptionTime) -> None:
        super().__init__()
        self.bottleneck = nn.Conv1d(inputs, shape.bottleneck, 1, bias=False)
        self.branches = nn.ModuleList(
            nn.Conv1d(shape.bottleneck, shape.filters, kernel, padding=kernel // 2, bias=False)
            for kernel in shape.kernels
        )
        self.maximum = nn.MaxPool1d(3, stride=1, padding=1)
        self.after_maximum = nn.Conv1d(inputs, shape.filters, 1, bias=False)
        self.norm = nn.BatchNorm1d(shape.filters * (len(shape.kernels) + 1))

    def forward(self, signal: Tensor) -> Tensor:
        narrow = self.bottleneck(signal)
        read = [*(branch(narrow) for branch in self.branches), self.after_maximum(self.maximum(signal))]
        return torch.relu(self.norm(torch.cat(read, dim=1)))


class InceptionTimeNetwork(nn.Module):
    """Inception modules with a shortcut around them, the mean over time, a linear layer."""

    def __init__(self, shape: InceptionTime) -> None:
        super().__init__()
        width = shape.filters * (len(shape.kernels) + 1)
        inputs = [shape.channels, *[width] * (shape.depth - 1)]
        self.modules_in_line = nn.Sequential(*(Inception(channels, shape) for channels in inputs))
        self.shortcut = nn.Conv1d(shape.channels, width, 1, bias=False)
        self.shortcut_norm = nn.BatchNorm1d(width)
        self.output = nn.Linear(width + shape.features, shape.classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name, each with the batch first -> logits (batch, class)."""
        signal = signal_of(inputs)
        read = torch.relu(self.modules_in_line(signal) + self.shortcut_norm(self.shortcut(signal)))
        logits: Tensor = self.output(with_features(read.mean(dim=2), inputs))
        return logits
