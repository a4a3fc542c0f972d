"""Temporal convolutional network (Bai et al. 2018): causal convolutions whose reach doubles from block to block."""

import itertools
from typing import Literal

import pydantic
import torch
from torch import Tensor, nn

from bedside.models.convolution import CausalConv1d
from bedside.models.zoo import Ready, signal_of, with_features


class Tcn(Ready):
    """A block per width, with dilation 1, 2, 4, ...; the answer is read off the last instant."""

    kind: Literal["tcn"] = "tcn"
    widths: tuple[pydantic.PositiveInt, ...] = pydantic.Field(default=(32, 32, 32, 32), min_length=1)
    kernel: pydantic.PositiveInt = 5
    dropout: float = pydantic.Field(default=0.1, ge=0, lt=1)

    def network(self) -> "TcnNetwork":
        return TcnNetwork(self)


class CausalBlock(nn.Module):
    """Two causal convolutions beside a shortcut; nothing looks ahead."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.first = CausalConv1d(inputs, outputs, kernel, dilation=dilation)
        self.second = CausalConv1d(outputs, outputs, kernel, dilation=dilation)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv1d(inputs, outputs, 1)

    def forward(self, signal: Tensor) -> Tensor:
        inner = torch.relu(self.second(torch.relu(self.first(signal))))
        return torch.relu(inner + self.shortcut(signal))


class TcnNetwork(nn.Module):
    """Causal blocks and a linear layer."""

    def __init__(self, shape: Tcn) -> None:
        super().__init__()
        widths = [shape.channels, *shape.widths]
        self.blocks = nn.Sequential(
            *(CausalBlock(*pair, shape.kernel, 2**number) for number, pair in enumerate(itertools.pairwise(widths)))
        )
        self.dropout = nn.Dropout(shape.dropout)
        self.output = nn.Linear(widths[-1] + shape.features, shape.classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name, each with the batch first -> logits (batch, class)."""
        last = self.blocks(signal_of(inputs))[:, :, -1]
        logits: Tensor = self.output(with_features(self.dropout(last), inputs))
        return logits
