"""What a layer really reads, in one matrix: the second moment of its inputs over training windows.

A layer that answers W x is best replaced by one that answers most like it on the x that occur; the sum of squared
differences |W x - V x|^2 depends on the inputs only through C = sum x x^T.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from bedside.errors import NotFiniteError, RefusedError
from bedside.models.convolution import walk
from bedside.models.factored_cnn_lstm import layer
from bedside.training.batches import Batch, epoch_batches
from bedside.training.loop import Training
from bedside.training.stages import Splits

Moments = Mapping[str, Tensor]
RIDGE = 1e-6  # share of the mean energy, for directions in which no input lies


@torch.no_grad()
def second_moments(network: nn.Module, names: Sequence[str], batches: Iterable[Batch]) -> Moments:
    """C of each named layer, (inputs, inputs) in float64, with a ridge that makes it invertible.

    RefusedError for a layer that reads what is not finite, or nothing but zeros: neither says what it should answer.
    """
    found: dict[str, Tensor] = {}

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen = read_by(module, inputs[0]).double()
            found[name] = found.get(name, 0) + seen.T @ seen

        return layer(network, name).register_forward_pre_hook(add)

    network.eval()
    hooks = [watch(name) for name in names]
    for batch in batches if names else ():
        network(**batch.inputs)
    for hook in hooks:
        hook.remove()
    for name in names:
        _require_signal(name, found[name])
    return {name: ridged(found[name]) for name in names}


def _require_signal(name: str, moment: Tensor) -> None:
    if not torch.isfinite(moment).all():
        found = f"gives its layer {name} numbers that are not finite"
        raise NotFiniteError("the parent", found, "train it again with a lower training.learning_rate")
    if not moment.diagonal().any():
        raise RefusedError(f"the parent's layer {name} reads nothing but zeros, so it is dead: train the parent again")


def drawn(splits: Splits, training: Training, windows: int) -> Iterator[Batch]:
    """Batches of training windows, drawn and varied as the fine-tuning will see them."""
    sampling = training.sampling.model_copy(update={"windows": windows})
    return epoch_batches(splits.train, len(splits.classes), sampling, training.seed, epoch=0)


def ridged(system: Tensor) -> Tensor:
    """A symmetric matrix, made safe to invert."""
    return system + RIDGE * system.diagonal().mean() * torch.eye(len(system), dtype=system.dtype)


def read_by(module: nn.Module, values: Tensor) -> Tensor:
    """One row per answer: of a convolution its patches (batch * instant, channel * kernel), else the last axis."""
    if not isinstance(module, nn.Conv1d):
        return values.flatten(0, -2)
    return walk(module).patches(values).transpose(1, 2).flatten(2).flatten(0, 1)


def energy(weight: Tensor, moment: Tensor) -> Tensor:
    """Sum of |W x|^2 over the inputs, for W (outputs, inputs)."""
    return ((weight @ moment) * weight).sum()
