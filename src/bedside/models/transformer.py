"""A small transformer encoder (Vaswani et al. 2017, norms first as in Xiong et al. 2020) over patches of the signal."""

from typing import Literal, Self

import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside.models.zoo import Ready, signal_of, with_features


class Transformer(Ready):
    """`layers` of attention with `heads` and two linear layers, `width` numbers per patch of `patch` samples."""

    kind: Literal["transformer"] = "transformer"
    patch: pydantic.PositiveInt = 8
    width: pydantic.PositiveInt = 32
    heads: pydantic.PositiveInt = 4
    hidden: pydantic.PositiveInt = 64
    layers: pydantic.PositiveInt = 2
    dropout: float = pydantic.Field(default=0.1, ge=0, lt=1)

    @pydantic.model_validator(mode="after")
    def _heads_share_evenly(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width: {self.width} cannot be shared by {self.heads} heads; take a multiple of them")
        return self

    def network(self) -> "TransformerNetwork":
        return TransformerNetwork(self)


class Encoder(nn.Module):
    """Attention and a network per patch, each added to what it read."""

    def __init__(self, shape: Transformer) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attention_norm, self.linear_norm = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.query, self.key, self.value, self.mix = (nn.Linear(shape.width, shape.width) for _ in range(4))
        self.expand = nn.Linear(shape.width, shape.hidden)
        self.contract = nn.Linear(shape.hidden, shape.width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, patches: Tensor) -> Tensor:
        read = self.attention_norm(patches)
        query, key, value = (self._split(layer(read)) for layer in (self.query, self.key, self.value))
        seen = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        patches = patches + self.dropout(self.mix(seen))
        inner = torch.relu(self.expand(self.linear_norm(patches)))
        answer: Tensor = patches + self.dropout(self.contract(inner))
        return answer

    def _split(self, values: Tensor) -> Tensor:
        """(batch, patch, width) -> (batch, head, patch, width / heads)."""
        heads: Tensor = values.unflatten(2, (self.heads, -1))  # type: ignore[no-untyped-call]  # torch's is missing
        return heads.transpose(1, 2)


class TransformerNetwork(nn.Module):
    """Patches with a learned position each, encoders, the mean over patches, a linear layer."""

    def __init__(self, shape: Transformer) -> None:
        super().__init__()
        self.embed = nn.Conv1d(shape.channels, shape.width, shape.patch, shape.patch)
        self.position = nn.Parameter(0.02 * torch.randn(1, shape.length // shape.patch, shape.width))
        self.encoders = nn.Sequential(*(Encoder(shape) for _ in range(shape.layers)))
        self.norm = nn.LayerNorm(shape.width)
        self.output = nn.Linear(shape.width + shape.features, shape.classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name, each with the batch first -> logits (batch, class)."""
        patches = self.embed(signal_of(inputs)).transpose(1, 2) + self.position
        read = self.norm(self.encoders(patches)).mean(dim=1)
        logits: Tensor = self.output(with_features(read, inputs))
        return logits
