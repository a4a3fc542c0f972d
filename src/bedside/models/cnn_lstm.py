"""CNN-LSTM: convolutions read the signal's shape, an LSTM reads it in time, and features join before the head."""

import itertools
from collections.abc import Sequence
from typing import Literal, cast

import pydantic
import torch
from torch import Tensor, nn

from bedside.models.convolution import Walk, convolution
from bedside.models.zoo import Ready, signal_of, with_features
from bedside.params import Params


class ConvBlock(Params):
    """One Conv1d + BatchNorm + ReLU with `channels` outputs.

    Fields that say nothing new are left out where a block is written down: older networks keep their very words.
    """

    channels: int = pydantic.Field(gt=0)
    kernel: int = pydantic.Field(gt=0)
    stride: int = pydantic.Field(default=1, gt=0)
    dilation: int = pydantic.Field(default=1, gt=0, exclude_if=lambda taps: taps == 1, description="samples per tap")
    causal: bool = pydantic.Field(
        default=False, exclude_if=lambda causal: not causal, description="zeros before the signal alone"
    )

    @property
    def walk(self) -> Walk:
        """How the convolution walks: zeros on either side, so that stride 1 keeps the length, or all of them before."""
        around = self.dilation * (self.kernel // 2)
        before, after = (self.dilation * (self.kernel - 1), 0) if self.causal else (around, around)
        return Walk(self.kernel, self.stride, before, after, self.dilation)


class CnnLstm(Ready):
    """The baseline of the articles; every width is free."""

    kind: Literal["cnn_lstm"] = "cnn_lstm"
    convolutions: tuple[ConvBlock, ...]
    lstm: tuple[pydantic.PositiveInt, ...] = pydantic.Field(
        default=(), description="units of each LSTM layer; with none the head reads every instant"
    )
    head: int = pydantic.Field(gt=0)
    dropout: float = pydantic.Field(default=0.2, ge=0, lt=1)

    @property
    def instants(self) -> int:
        """Length of the signal after the convolutions."""
        length = self.length
        for block in self.convolutions:
            length = block.walk.length(length)
        return length

    def network(self) -> "CnnLstmNetwork":
        return CnnLstmNetwork(self)


class ConvBnRelu(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, block: ConvBlock) -> None:
        super().__init__()
        self.conv = convolution(inputs, block.channels, block.walk, bias=False)
        self.norm = nn.BatchNorm1d(block.channels)

    def forward(self, signal: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(signal)))


class CnnLstmNetwork(nn.Module):
    """The module; sub-modules are named by what they do."""

    def __init__(self, shape: CnnLstm) -> None:
        super().__init__()
        widths = [shape.channels, *(block.channels for block in shape.convolutions)]
        self.convolutions = nn.ModuleList(
            ConvBnRelu(inputs, block) for inputs, block in zip(widths[:-1], shape.convolutions, strict=True)
        )
        units = [widths[-1], *shape.lstm]
        self.lstm = nn.ModuleList(nn.LSTM(i, o, batch_first=True) for i, o in itertools.pairwise(units))
        width = units[-1] if shape.lstm else units[-1] * shape.instants
        self.dropout = nn.Dropout(shape.dropout)
        self.hidden = nn.Linear(width + shape.features, shape.head)
        self.output = nn.Linear(shape.head, shape.classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name, each with the batch first -> logits (batch, class); their argmax is the decision."""
        signal = signal_of(inputs)
        for block in self.convolutions:
            signal = block(signal)
        joined = with_features(self.dropout(summary(signal, list(self.lstm))), inputs)
        logits: Tensor = self.output(self.dropout(torch.relu(self.hidden(joined))))
        return logits


def summary(signal: Tensor, layers: Sequence[nn.Module]) -> Tensor:
    """(batch, channel, time) -> (batch, unit): the last LSTM layer's final state; without any, channel by channel.

    A mean over time would be shorter, but students that keep every instant imitate an LSTM better (docs/adr/0010).
    """
    if not layers:
        return signal.flatten(1)
    sequence = signal.transpose(1, 2)
    for layer in layers:
        sequence, (last, _) = layer(sequence)
    return cast(Tensor, last[0])
