"""Which layers bear pruning: each group is pruned alone, and what the network then answers is held against the teacher.

The scan of Li et al. (2017) and Han et al. (2015), judged with every class counting the same: a layer that only rare
windows need would pass for insensitive in an average over windows.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated

import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from bedside.compression.fidelity import fidelity
from bedside.compression.pruning.base import Scores
from bedside.compression.pruning.schedule import most_important
from bedside.compression.pruning.surgery import shrink
from bedside.compression.pruning.taylor import evenly
from bedside.datasets.inputs import Shapes
from bedside.params import Params
from bedside.training.batches import Tensors
from bedside.training.loop import Score
from bedside.training.stages import Splits
from bedside.training.validation import logits_of

# Group -> points in order of `share`, the first with share 0; ready to be written as JSON.
Curves = dict[str, list[dict[str, float]]]
Share = Annotated[float, pydantic.Field(gt=0, lt=1)]


class Scan(Params):
    """The shares of a group that are tried, on at most `windows` validation windows of each class."""

    shares: tuple[Share, ...] = pydantic.Field(default=(0.25, 0.5, 0.75), min_length=1)
    windows: int = pydantic.Field(default=512, gt=0)


def judgement(teacher: nn.Module, splits: Splits, windows: int) -> Score:
    """A score on at most `windows` validation windows of each class: `divergence` (nats) and `kept` (share)."""
    label = splits.validation.label
    rows = [evenly(torch.nonzero(label == c).flatten(), windows) for c in range(len(splits.classes))]
    sample = splits.validation[torch.cat(rows)]
    right, apart = fidelity(teacher, dataclasses.replace(splits, validation=sample)), divergence(teacher, sample)

    def judge(network: nn.Module) -> dict[str, float]:
        kept = right(network)
        return {"divergence": apart(network), "kept": kept.pop("score"), **kept}

    return judge


def divergence(teacher: nn.Module, data: Tensors) -> Callable[[nn.Module], float]:
    """KL(teacher || network) in nats, averaged over the windows of each class, then over the classes."""
    expected = torch.log_softmax(logits_of(teacher, data, whose="the teacher"), dim=1)
    classes = [data.label == c for c in torch.unique(data.label)]

    def measure(network: nn.Module) -> float:
        answered = torch.log_softmax(logits_of(network, data), dim=1)
        each: Tensor = functional.kl_div(answered, expected, reduction="none", log_target=True).sum(dim=1)
        return float(torch.stack([each[rows].double().mean() for rows in classes]).mean())

    return measure


def scan(network: nn.Module, inputs: Shapes, scores: Scores, judge: Score, shares: tuple[float, ...]) -> Curves:
    """Prune each group alone by each of `shares`, without fine-tuning; `fall` is the divergence above the unpruned."""
    whole = judge(network)
    first = {name: {"share": 0.0, "units": len(score), "fall": 0.0, **whole} for name, score in scores.items()}
    curves: Curves = {name: [point] for name, point in first.items()}
    tries = [(name, share) for name in scores for share in sorted(shares)]
    for name, share in tqdm(tries, desc="layer scan", unit="pruning", disable=None):
        units = max(1, round(len(scores[name]) * (1 - share)))
        counts = {group: len(score) for group, score in scores.items()} | {name: units}
        found = judge(shrink(network, inputs, most_important(scores, counts))[0])
        fall = found["divergence"] - whole["divergence"]
        curves[name].append({"share": share, "units": units, "fall": fall, **found})
    return curves


def falls(curves: Mapping[str, list[dict[str, float]]]) -> dict[str, float]:
    """The fall of each group at the largest share that was tried."""
    return {f"layer_scan/{name}": points[-1]["fall"] for name, points in curves.items()}
