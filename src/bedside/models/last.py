"""What a network does with windows, found by asking it: no layer needs to bear a certain name."""

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError


def require_arguments(network: nn.Module, names: Iterable[str], what: str) -> None:
    """RefusedError unless the network's `forward` takes inputs of these names; `what` says whose it is."""
    asks = inspect.signature(network.forward)
    try:
        asks.bind(**dict.fromkeys(names))
    except TypeError:
        raise RefusedError(
            f"{what} has a forward({', '.join(asks.parameters)}), and windows have {', '.join(names)}; name the "
            "arguments of forward as the dataset names its inputs"
        ) from None


def zeros(shapes: Shapes, windows: int) -> dict[str, Tensor]:
    """So many windows of zeros, by name (window, *shape)."""
    return {name: torch.zeros(windows, *shape) for name, shape in shapes.items()}


def asked(network: nn.Module, shapes: Shapes) -> Any:
    """What it answers to two windows of zeros; nothing changes."""
    training = network.training
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            return network.eval()(**zeros(shapes, 2))
    finally:
        network.train(training)


def last_layer(network: nn.Module, shapes: Shapes) -> nn.Linear | None:
    """The linear layer whose answer is the network's answer; None for a network that ends in something else."""
    answers: list[tuple[nn.Linear, Any]] = []
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    hooks = [
        layer.register_forward_hook(lambda module, _, answer: answers.append((module, answer))) for layer in layers
    ]
    try:
        given = asked(network, shapes)
    finally:
        for hook in hooks:
            hook.remove()
    return next((layer for layer, answer in answers if answer is given), None)
