"""Small real networks that answer in two steps."""

import functools
from typing import Literal

import torch

from bedside.graph.export import export
from bedside.models.cnn_lstm import CnnLstm
from bedside.models.edits.early_exit import EarlyExit, split
from bedside.models.switched import Alone, SwitchedNetwork, margin
from tests.support.networks import INPUTS, float_network, int8_network, noise, tensors

Sort = Literal["cascade", "int8 cascade", "early exit", "cascade of cascades"]
SORTS: tuple[Sort, ...] = ("cascade", "int8 cascade", "early exit", "cascade of cascades")


def two_step(sort: Sort, share: float = 0.5) -> SwitchedNetwork:
    """An untrained network whose thresholds send this share of the windows of noise on the long path."""
    network = _built(sort).eval()
    with torch.no_grad():
        fast = Alone(network.first, network)(**tensors(noise(400)))
    for c in range(4):
        rows = fast.argmax(dim=1) == c
        if rows.any():
            network.thresholds[c] = margin(fast)[rows].quantile(share)
    return network


def _built(sort: Sort) -> SwitchedNetwork:
    large = float_network(12, seed=3)
    if sort == "early exit":
        read = split(large, INPUTS, "convolutions.0").inputs(INPUTS)
        head = CnnLstm(convolutions=(), head=8).fitted(read, 4)
        return EarlyExit(after="convolutions.0", exit=head).apply(large, INPUTS)
    if sort == "cascade of cascades":
        return SwitchedNetwork(two_step("cascade"), float_network(10, seed=5), 4)
    return SwitchedNetwork(int8_network() if sort == "int8 cascade" else float_network(), large, 4)


@functools.cache
def exported(sort: Sort) -> bytes:
    """The graph of such a network; made once per test run."""
    return export(two_step(sort), INPUTS)
