"""Depthwise-separable substitutes for convolutions, each fitted to imitate its layer on what that layer really reads.

A layer's answer to a patch x is W x; a substitute's is P S x, with S one filter per input channel and P the mix of
channels. The sum of |W x - P S x|^2 is minimised exactly over P and over S in turns: least squares on the layer's
inputs and outputs, as in Zhang et al. 2016.
"""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside.compression.moments import Moments, energy, ridged
from bedside.models.edits.base import layer
from bedside.models.edits.separable import Separable, depthwise_pointwise


def replaceable(network: nn.Module, names: Iterable[str]) -> list[str]:
    """Of these layers the convolutions that two cheaper ones would be smaller than."""
    layers = {name: layer(network, name) for name in names}
    return [name for name, one in layers.items() if isinstance(one, nn.Conv1d | nn.Conv2d) and _saves(one)]


def _saves(whole: nn.Module) -> bool:
    return _size(depthwise_pointwise(whole)) < _size(whole)


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def separated(network: nn.Module, moments: Moments, rounds: int) -> tuple[nn.Module, Separable, dict[str, float]]:
    """A copy with the convolutions in `moments` replaced, the edit, and the share of each one's answers lost."""
    result, lost = copy.deepcopy(network), {}
    for name, moment in moments.items():
        substitute, lost[name] = imitation(layer(network, name), moment, rounds)
        result.set_submodule(name, substitute)
    return result, Separable(layers=tuple(moments)), lost


@torch.no_grad()
def imitation(whole: nn.Module, moment: Tensor, rounds: int) -> tuple[nn.Sequential, float]:
    """The pair that answers most like a convolution on patches of this second moment, and the share of energy lost."""
    assert isinstance(whole, nn.Conv1d | nn.Conv2d)
    weight = whole.weight.double().flatten(2)  # (output, input, kernel)
    filters = torch.linalg.svd(weight.transpose(0, 1), full_matrices=False).Vh[:, 0]  # best of each channel by itself
    for _ in range(rounds):
        filters = best_filters(weight, best_mix(weight, filters, moment), moment)
    mix = best_mix(weight, filters, moment)
    missed = (weight - mix[:, :, None] * filters).flatten(1)
    lost = energy(missed, moment) / energy(weight.flatten(1), moment)
    pair = depthwise_pointwise(whole)
    for name, values in (("0.weight", filters), ("1.weight", mix)):
        parameter = pair.get_parameter(name)
        parameter.copy_(values.reshape(parameter.shape))
    if whole.bias is not None:
        pair.get_parameter("1.bias").copy_(whole.bias)
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
