"""ResNet for signals (Wang et al. 2017, Hannun et al. 2019): blocks of two convolutions beside a shortcut."""

import itertools
from typing import Literal

import pydantic
import torch
from torch import Tensor, nn

from bedside.models.zoo import Ready, signal_of, with_features


class ResNet1d(Ready):
    """A block per width; the first keeps the stem's length, every other halves it."""

    kind: Literal["resnet1d"] = "resnet1d"
    widths: tuple[pydantic.PositiveInt, ...] = pydantic.Field(default=(32, 64, 64), min_length=1)
    kernel: pydantic.PositiveInt = 7
    dropout: float = pydantic.Field(default=0.2, ge=0, lt=1)

    def network(self) -> "ResNet1dNetwork":
        return ResNet1dNetwork(self)


class Residual(nn.Module):
    """relu(convolutions(x) + shortcut(x)); the shortcut is the input itself where nothing changes in size."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.first_norm = nn.BatchNorm1d(outputs)
        self.second = nn.Conv1d(outputs, outputs, kernel, 1, kernel // 2, bias=False)
        self.second_norm = nn.BatchNorm1d(outputs)
        self.shortcut = nn.Identity() if inputs == outputs and stride == 1 else _projection(inputs, outputs, stride)

    def forward(self, signal: Tensor) -> Tensor:
        inner = torch.relu(self.first_norm(self.first(signal)))
        return torch.relu(self.second_norm(self.second(inner)) + self.shortcut(signal))


def _projection(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm1d(outputs))


class ResNet1dNetwork(nn.Module):
    """Stem, residual blocks, the mean over time, a linear layer."""

    def __init__(self, shape: ResNet1d) -> None:
        super().__init__()
        first = shape.widths[0]
        self.stem = nn.Conv1d(shape.channels, first, shape.kernel, 2, shape.kernel // 2, bias=False)
        self.stem_norm = nn.BatchNorm1d(first)
        widths = [first, *shape.widths]
        self.blocks = nn.Sequential(
            *(
                Residual(inputs, outputs, shape.kernel, 2 if number else 1)
                for number, (inputs, outputs) in enumerate(itertools.pairwise(widths))
            )
        )
        self.dropout = nn.Dropout(shape.dropout)
        self.output = nn.Linear(widths[-1] + shape.features, shape.classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name, each with the batch first -> logits (batch, class)."""
        signal = self.blocks(torch.relu(self.stem_norm(self.stem(signal_of(inputs)))))
        logits: Tensor = self.output(with_features(self.dropout(signal.mean(dim=2)), inputs))
        return logits
