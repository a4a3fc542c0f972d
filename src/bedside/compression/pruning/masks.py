"""Unstructured pruning: single weights become zero, and stay so while the others are trained.

A dense runtime computes with zeros as with any number, and stores them as widely: the file is as large and as slow as
before. What is gained shows in a compressed download, or on hardware that skips zeros, and the metrics say just that.
"""

import contextlib
import functools
import gzip
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from bedside.errors import RefusedError
from bedside.training.stages import parameters

Masks = dict[str, Tensor]


def weights(network: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that may have zeros: the weights of every layer; biases and norms are few and stay."""
    return {name: parameter for name, parameter in network.named_parameters() if parameter.ndim > 1}


def largest(network: nn.Module, kept: Callable[[int], int]) -> Masks:
    """True at the `kept(n)` weights of largest magnitude of each layer's n (Han et al. 2015); zeros go first."""
    return {name: _largest(weight.detach(), kept(weight.numel())) for name, weight in weights(network).items()}


def _largest(weight: Tensor, kept: int) -> Tensor:
    mask = torch.zeros(weight.numel(), dtype=torch.bool)
    mask[weight.abs().flatten().topk(kept).indices] = True
    return mask.reshape(weight.shape)


@contextlib.contextmanager
def held(network: nn.Module, masks: Masks) -> Iterator[None]:
    """Make what `masks` leave out zero, and keep it zero in the block: a weight without gradient does not move.

    Holds for an optimizer that starts inside the block, as every `fit` does. The zeros are real: no mask is stored.
    """
    handles = []
    for name, weight in weights(network).items():
        with torch.no_grad():
            weight.masked_fill_(~masks[name], 0)
        hook = functools.partial(torch.mul, masks[name])
        handles.append(weight.register_hook(hook))  # type: ignore[no-untyped-call]  # torch's annotation is missing
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def nonzero(network: nn.Module) -> int:
    """Number of parameters that are not zero."""
    return sum(int(p.count_nonzero()) for p in network.parameters())


def compressed_bytes(network: nn.Module) -> int:
    """Size of all stored values after gzip."""
    values = b"".join(tensor.detach().contiguous().numpy().tobytes() for tensor in network.state_dict().values())
    return len(gzip.compress(values, mtime=0))


def require_sparser(before: nn.Module, after: nn.Module, least_share: float) -> dict[str, float]:
    """What zeros gained; refuse less than `least_share` of the non-zero parameters, or a file that packs no better."""
    share, sizes = 1 - nonzero(after) / nonzero(before), [compressed_bytes(network) for network in (before, after)]
    if share < least_share or sizes[1] >= sizes[0]:
        raise RefusedError(
            f"sparsify made {share:.1%} of {nonzero(before)} weights zero, where {least_share:.0%} would be worth "
            f"it, and of {sizes[0]} bytes after gzip {sizes[1]}; raise its ratio in params.yaml or drop the variant"
        )
    return {
        "model/sparsity": 1 - nonzero(after) / parameters(after),
        "model/nonzero_parameters": float(nonzero(after)),
        "model/compressed_bytes": float(sizes[1]),
        "model/compressed_bytes_of_parent": float(sizes[0]),
    }
