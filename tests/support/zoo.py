"""The seven ready-made networks, small, and what each test of them needs to know."""

from typing import Any

import torch
from torch import nn

from bedside.models import Architecture, Network

INPUTS = {"signal": (2, 120), "rhythm": (7,)}
OTHER_INPUTS = {"eeg": (5, 120)}
CLASSES = 4
SMALL: dict[str, dict[str, Any]] = {
    "cnn_lstm": {
        "convolutions": [{"channels": 16, "kernel": 7, "stride": 2}, {"channels": 16, "kernel": 5, "stride": 2}],
        "lstm": [16],
        "head": 16,
    },
    "resnet1d": {"widths": [16, 32]},
    "tcn": {"widths": [16, 16, 16]},
    "inception_time": {"depth": 2, "filters": 8, "bottleneck": 8},
    "eegnet": {},
    "bigru": {},
    "transformer": {"layers": 1},
}
# A module of each that all of the signal passes through: an early exit can be put behind it.
BEHIND = {
    "cnn_lstm": "convolutions.0",
    "resnet1d": "blocks.0",
    "tcn": "blocks.1",
    "inception_time": "modules_in_line",
    "eegnet": "temporal",
    "bigru": "stem",
    "transformer": "encoders.0",
}


def shape_of(kind: str, inputs: dict[str, tuple[int, ...]] = INPUTS) -> Network:
    """A small network of this kind, as data."""
    return Network.of(Architecture.build({"kind": kind, **SMALL[kind]}), inputs, CLASSES)


def lively(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with weights and statistics in which no two channels are alike, as after a training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.get_buffer("running_mean").normal_(generator=generator)
                module.get_buffer("running_var").uniform_(0.5, 2, generator=generator)
                module.weight.normal_(1, 0.3, generator=generator)
                module.bias.normal_(generator=generator)
    return network.eval()
