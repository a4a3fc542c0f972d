"""What a network does with windows, found by asking it: no layer needs to bear a certain name."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


def asked(network: nn.Module, signal: Sequence[int], rhythm: Sequence[int]) -> Any:
    """What it answers to two windows of zeros, of `signal` (channel, time) and `rhythm` (feature,); nothing changes."""
    training = network.training
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            return network.eval()(torch.zeros(2, *signal), torch.zeros(2, *rhythm))
    finally:
        network.train(training)


def last_layer(network: nn.Module, signal: Sequence[int], rhythm: Sequence[int]) -> nn.Linear | None:
    """The linear layer whose answer is the network's answer; None for a network that ends in something else."""
    answers: list[tuple[nn.Linear, Any]] = []
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    hooks = [
        layer.register_forward_hook(lambda module, _, answer: answers.append((module, answer))) for layer in layers
    ]
    try:
        given = asked(network, signal, rhythm)
    finally:
        for hook in hooks:
            hook.remove()
    return next((layer for layer, answer in answers if answer is given), None)
