"""Low-rank factorization: a layer's weights as a product of two thin matrices, from their singular values.

The best approximation of a rank is the truncated SVD (Eckart and Young 1936); for networks Denton et al. 2014, a
convolution as a spatial one of `rank` filters and a 1x1 one Zhang et al. 2016. `rank` pays only below break-even.
"""

import copy
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from bedside.models.cnn_lstm import CnnLstmNetwork
from bedside.models.factored_cnn_lstm import FactoredCnnLstm, layer, low_rank, put, require_layers

N = TypeVar("N", bound=CnnLstmNetwork)
INPUT_WEIGHTS = ("weight", "weight_ih_l0")


def ranks(network: CnnLstmNetwork, shape: FactoredCnnLstm, energy: float, given: Mapping[str, int]) -> dict[str, int]:
    """Rank of each whole layer: the `given` one, else what keeps `energy`; without the layers that would gain nothing.

    Energy is the share of the sum of squared singular values, so of the squared weights.
    """
    require_layers(shape, given, "ranks")
    found = {}
    for name in shape.left:
        weight = matrix(layer(network, name))
        rank = given.get(name) or rank_of(weight, energy)
        if rank < break_even(weight):
            found[name] = rank
    return found


def matrix(like: nn.Module) -> Tensor:
    """What a layer does to its input, as (outputs, inputs): of an LSTM (4 units, inputs), of a convolution (o, i k)."""
    weight = like.weight_ih_l0 if isinstance(like, nn.LSTM) else like.weight
    assert isinstance(weight, Tensor)
    return weight.detach().flatten(1)


def rank_of(weight: Tensor, energy: float) -> int:
    """Smallest rank that keeps this share of the energy; singular values 3 and 1 keep 90% at rank 1."""
    kept = torch.linalg.svdvals(weight.double()).square().cumsum(0)
    return int((kept < energy * kept[-1] * (1 - 1e-12)).sum()) + 1  # a hair less: sums of shares round


def break_even(weight: Tensor) -> float:
    """The rank at which two factors weigh as much as the whole: o i / (o + i); for 256 x 128 it is 85.3."""
    outputs, inputs = weight.shape
    return outputs * inputs / (outputs + inputs)


def factorized(network: N, shape: FactoredCnnLstm, chosen: Mapping[str, int]) -> tuple[N, FactoredCnnLstm]:
    """A copy of the network with the chosen layers of that rank, and its shape."""
    result = copy.deepcopy(network)
    for name, rank in chosen.items():
        put(result, name, factors(layer(network, name), rank))
    return result, shape.model_copy(update={"ranks": {**shape.ranks, **chosen}})


@torch.no_grad()
def factors(like: nn.Module, rank: int) -> nn.Sequential:
    """The two layers whose product is nearest to one; each takes the square root of the singular values."""
    left, values, right = torch.linalg.svd(matrix(like).double(), full_matrices=False)
    root, pair = values[:rank].sqrt(), low_rank(like, rank)
    rest = {name: tensor for name, tensor in like.state_dict().items() if name not in INPUT_WEIGHTS}
    pair[1].load_state_dict(rest, strict=False)  # biases, and what an LSTM does with its own past
    for part, value in ((pair[0], root[:, None] * right[:rank]), (pair[1], left[:, :rank] * root)):
        matrix(part).copy_(value)
    return pair
