"""Depthwise-separable substitutes for convolutions, each fitted to imitate its layer on what that layer really reads.

A layer's answer to a patch x is W x; a substitute's is P S x, with S one filter per input channel and P the mix of
channels. The sum of |W x - P S x|^2 is minimised exactly over P and over S in turns: least squares on the layer's
inputs and outputs, as in Zhang et al. 2016.
"""

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside.compression.moments import Moments, energy, ridged
from bedside.models.cnn_lstm import CnnLstmNetwork
from bedside.models.factored_cnn_lstm import FactoredCnnLstm, depthwise_pointwise, layer, put, require_layers

N = TypeVar("N", bound=CnnLstmNetwork)


def replaceable(network: CnnLstmNetwork, shape: FactoredCnnLstm, spared: Sequence[str]) -> list[str]:
    """Whole convolutions that two cheaper ones would be smaller than, without the `spared` ones."""
    require_layers(shape, spared, "spared")
    names = [name for name in shape.left if name.startswith("convolutions.") and name not in spared]
    return [name for name in names if _saves(layer(network, name))]


def _saves(whole: nn.Module) -> bool:
    return _size(depthwise_pointwise(whole)) < _size(whole)


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def separated(
    network: N, shape: FactoredCnnLstm, moments: Moments, rounds: int
) -> tuple[N, FactoredCnnLstm, dict[str, float]]:
    """A copy with the convolutions in `moments` replaced, its shape, and the share of each one's answers lost."""
    result, lost = copy.deepcopy(network), {}
    for name, moment in moments.items():
        substitute, lost[name] = imitation(layer(network, name), moment, rounds)
        put(result, name, substitute)
    return result, shape.model_copy(update={"separable": (*shape.separable, *moments)}), lost


@torch.no_grad()
def imitation(whole: nn.Module, moment: Tensor, rounds: int) -> tuple[nn.Sequential, float]:
    """The pair that answers most like a convolution on patches of this second moment, and the share of energy lost."""
    assert isinstance(whole, nn.Conv1d)
    weight = whole.weight.double()  # (output, input, kernel)
    filters = torch.linalg.svd(weight.transpose(0, 1), full_matrices=False).Vh[:, 0]  # best of each channel by itself
    for _ in range(rounds):
        filters = best_filters(weight, best_mix(weight, filters, moment), moment)
    mix = best_mix(weight, filters, moment)
    missed = (weight - mix[:, :, None] * filters).flatten(1)
    lost = energy(missed, moment) / energy(weight.flatten(1), moment)
    pair = depthwise_pointwise(whole)
    pair.load_state_dict({"0.weight": filters[:, None], "1.weight": mix[:, :, None]}, strict=whole.bias is None)
    return pair, float(lost)


def best_mix(weight: Tensor, filters: Tensor, moment: Tensor) -> Tensor:
    """P (output, input) for given filters (input, kernel): W C S^T (S C S^T)^-1."""
    spread = (torch.eye(len(filters), dtype=filters.dtype)[:, :, None] * filters).flatten(
        1
    )  # S: (input, input * kernel)
    read = moment @ spread.T
    mix: Tensor = torch.linalg.solve(spread @ read, weight.flatten(1) @ read, left=False)
    return mix


def best_filters(weight: Tensor, mix: Tensor, moment: Tensor) -> Tensor:
    """Filters (input, kernel) for a given P, of length one each (what is left of their size goes into P)."""
    kernel = weight.shape[2]
    each = mix.repeat_interleave(kernel, dim=1)  # (output, input * kernel)
    system, target = (each.T @ each) * moment, (each * (weight.flatten(1) @ moment)).sum(0)
    return functional.normalize(torch.linalg.solve(ridged(system), target).reshape(-1, kernel), dim=1)
