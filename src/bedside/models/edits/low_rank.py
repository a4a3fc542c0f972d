"""Layers written as two thin ones, each pair an `nn.Sequential` in the place of the layer.

Of an LSTM or GRU only the first layer's input weights can be a pair: a linear layer before a narrower one. Recurrent
weights act inside the loop, where ONNX's operators have no place for a factor, and a loop written out runs slower.
"""

from typing import Literal

import pydantic
from torch import nn

from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError
from bedside.models import like as alike
from bedside.models.edits.base import Edit, layer


class LowRank(Edit):
    """The rank of each layer that is a pair, by the layer's path."""

    kind: Literal["low_rank"] = "low_rank"
    ranks: dict[str, pydantic.PositiveInt]

    def apply(self, network: nn.Module, inputs: Shapes) -> nn.Module:
        del inputs
        for path, rank in self.ranks.items():
            network.set_submodule(path, low_rank(layer(network, path), rank))
        return network


def low_rank(like: nn.Module, rank: int) -> nn.Sequential:
    """Two fresh layers with the inputs and outputs of one; `rank` values lie between them (per instant, if in time)."""
    match like:
        case nn.Conv1d() | nn.Conv2d():
            narrow = alike.convolution(like, like.in_channels, rank, bias=False)
            return nn.Sequential(narrow, alike.pointwise(like, rank, like.out_channels))
        case nn.LSTM() | nn.GRU():
            narrow = nn.Linear(like.input_size, rank, bias=False)
            return nn.Sequential(narrow, alike.recurrent(like, rank, like.hidden_size))
        case nn.Linear():
            narrow = nn.Linear(like.in_features, rank, bias=False)
            return nn.Sequential(narrow, nn.Linear(rank, like.out_features, bias=like.bias is not None))
    raise RefusedError(f"no low-rank pair for a {type(like).__name__}; name a layer of weights")
