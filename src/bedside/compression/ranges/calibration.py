"""Fit the ranges of a quantized network on what its activations are when nothing is rounded but weights."""

import torch
from torch import Tensor, nn
from tqdm import tqdm

from bedside.compression.pruning.taylor import evenly
from bedside.compression.ranges.base import Ranges
from bedside.errors import NotFiniteError
from bedside.models.edits.quantized import grids, use
from bedside.models.fake_quant import FLOAT
from bedside.training.batches import Tensors
from bedside.training.validation import logits_of


def calibrate(network: nn.Module, data: Tensors, ranges: Ranges, windows: int = 2048) -> None:
    """Set every grid's range from at most `windows` windows, evenly spread so that every patient is heard.

    NotFiniteError for an activation that is not finite somewhere: no grid holds it.
    """
    rows = evenly(torch.arange(len(data)), windows)
    for name, values in tqdm(activations(network, data[rows]).items(), "ranges", leave=False):
        _require_finite(name, values)
        grids(network)[name].span(*ranges.bounds(values))


def _require_finite(name: str, values: Tensor) -> None:
    silent = int((~torch.isfinite(values.flatten(1))).any(dim=1).sum())
    if silent:
        found = f"makes activation {name} not finite on {silent} of {len(values)} calibration windows"
        raise NotFiniteError("the parent", found, "train it again with a lower training.learning_rate")


def activations(network: nn.Module, data: Tensors) -> dict[str, Tensor]:
    """What reaches each grid, (window, ...), with all grids switched off; afterwards they are as they were."""
    before = {name: grid.bits for name, grid in grids(network).items()}
    use(network, dict.fromkeys(before, FLOAT))
    seen: dict[str, list[Tensor]] = {name: [] for name in before}

    def keep(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen[name].append(inputs[0])

        return grids(network)[name].register_forward_pre_hook(hook)

    hooks = [keep(name) for name in before]
    try:
        logits_of(network, data, whose="the parent")
    finally:
        for hook in hooks:
            hook.remove()
        use(network, before)
    return {name: torch.cat(parts) for name, parts in seen.items()}
