"""Bidirectional GRU (Cho et al. 2014): the signal is shortened by one convolution and read from both ends."""

from typing import Literal

import pydantic
import torch
from torch import Tensor, nn

from bedside.models.zoo import Ready, signal_of, with_features


class BiGru(Ready):
    """`units` per direction and layer; the convolution makes one step of `stride` samples."""

    kind: Literal["bigru"] = "bigru"
    stem: pydantic.PositiveInt = 16
    stride: pydantic.PositiveInt = 4
    units: pydantic.PositiveInt = 32
    layers: pydantic.PositiveInt = 1
    head: pydantic.PositiveInt = 32
    dropout: float = pydantic.Field(default=0.2, ge=0, lt=1)

    def network(self) -> "BiGruNetwork":
        return BiGruNetwork(self)


class BiGruNetwork(nn.Module):
    """Convolution, GRU over both directions, two linear layers."""

    def __init__(self, shape: BiGru) -> None:
        super().__init__()
        self.stem = nn.Conv1d(shape.channels, shape.stem, 2 * shape.stride - 1, shape.stride, shape.stride - 1)
        self.gru = nn.GRU(shape.stem, shape.units, shape.layers, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(shape.dropout)
        self.hidden = nn.Linear(2 * shape.units + shape.features, shape.head)
        self.output = nn.Linear(shape.head, shape.classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name, each with the batch first -> logits (batch, class)."""
        sequence, _ = self.gru(torch.relu(self.stem(signal_of(inputs))).transpose(1, 2))
        joined = with_features(self.dropout(sequence.mean(dim=1)), inputs)
        logits: Tensor = self.output(self.dropout(torch.relu(self.hidden(joined))))
        return logits
