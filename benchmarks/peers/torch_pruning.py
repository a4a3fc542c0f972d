"""Torch-Pruning: structured pruning by dependency graph in steps, fine-tuned after each.

https://github.com/VainF/Torch-Pruning, "High-level Pruners". Its LSTM pruner cannot prune a batch-first LSTM that feeds
another layer (it indexes the four gates as if they were one), nor its inputs when the convolution before it is pruned.
So the LSTM is tried, and then left out together with the channels that feed it, as `ignored_layers` allow.
"""

import functools
from pathlib import Path
from typing import Any

import torch
import torch_pruning as tp
from torch import nn

from bedside.compression.pruning.taylor import evenly
from benchmarks.peers.handout import Attempt, Handout, main
from benchmarks.peers.torch_teacher import example, export, fine_tune, load, tensors

SCORED = 1024  # validation windows whose gradients Taylor importance reads
HOW = "BasePruner, ratio {}, steps, rounding, sampling and epochs of bedside's prune, labels instead of soft targets"


def pruned(handout: Handout, target: Path, *, importance: Any, ratio: float, with_lstm: bool) -> None:
    network, schedule = load(handout), handout.facts["prune"]["schedule"]
    pruner = tp.pruner.BasePruner(
        network,
        example(handout),
        importance=importance(),
        pruning_ratio=ratio,
        iterative_steps=schedule["steps"],
        round_to=schedule["multiple"],
        ignored_layers=[network.output, *([] if with_lstm else lstm_and_what_feeds_it(network))],
    )
    for step in range(schedule["steps"]):
        gradients(network, handout)
        pruner.step()
        fine_tune(network, handout, f"step-{step + 1}")
    export(network, handout, target)


def lstm_and_what_feeds_it(network: nn.Module) -> list[nn.Module]:
    """The LSTM layers and the last convolution, whose channels are the LSTM's inputs."""
    last = [module for module in network.modules() if isinstance(module, nn.Conv1d)][-1]
    return [last, *(module for module in network.modules() if isinstance(module, nn.LSTM))]


def gradients(network: nn.Module, handout: Handout) -> None:
    """Leave the gradients of the loss in the parameters."""
    data = tensors(handout, "validation")
    rows = evenly(torch.nonzero(data.label >= 0).flatten(), SCORED)
    network.zero_grad()
    nn.functional.cross_entropy(network(**data[rows].inputs), data.label[rows]).backward()


def attempt(name: str, importance: Any, ratio: float, *, with_lstm: bool) -> Attempt:
    make = functools.partial(pruned, importance=importance, ratio=ratio, with_lstm=with_lstm)
    without = "" if with_lstm else ", LSTM and its inputs ignored"
    return Attempt(f"{name}, ratio {ratio}{without}", HOW.format(ratio), make)


TAYLOR, MAGNITUDE = tp.importance.GroupTaylorImportance, tp.importance.GroupMagnitudeImportance
ATTEMPTS = [
    attempt("GroupTaylor", TAYLOR, 0.3, with_lstm=True),
    attempt("GroupTaylor", TAYLOR, 0.3, with_lstm=False),
    attempt("GroupMagnitude", MAGNITUDE, 0.3, with_lstm=False),
]

if __name__ == "__main__":
    main(ATTEMPTS, ["torch-pruning", "torch"])
