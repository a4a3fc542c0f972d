"""First-order Taylor importance (Molchanov et al. 2019), with every class counting the same.

The change of the loss when a unit is removed is about the sum of gradient x weight over its weights. Averaged over
windows it would be the opinion of the commonest class; here it is taken class by class and then averaged.
"""

from collections.abc import Mapping
from typing import Literal

import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside.compression.pruning.base import Importance, Scores
from bedside.compression.pruning.surgery import Anatomy
from bedside.compression.pruning.units import Group
from bedside.training.batches import Tensors


class Taylor(Importance):
    """|sum of gradient x weight| per unit on `windows` of each class; `balanced: false` pools the classes."""

    kind: Literal["taylor"] = "taylor"
    windows: int = pydantic.Field(default=256, gt=0, description="at most this many of each class")
    balanced: bool = True

    def scores(self, network: nn.Module, data: Tensors, classes: int) -> Scores:
        present = [torch.nonzero(data.label == c).flatten() for c in range(classes)]
        samples = [evenly(index, self.windows) for index in present if len(index)]
        if not self.balanced:
            samples = [evenly(torch.arange(len(data)), self.windows * len(samples))]
        groups = Anatomy.of(network, data.shapes).groups
        each = [_scores(network, groups, data[index]) for index in samples]
        return {name: torch.stack([scores[name] for scores in each]).mean(0) for name in each[0]}


def evenly(index: Tensor, most: int) -> Tensor:
    """At most `most` of `index`, evenly spread, so that every patient is heard."""
    if len(index) <= most:
        return index
    return index[torch.linspace(0, len(index) - 1, most).long()]


def _scores(network: nn.Module, groups: Mapping[str, Group], data: Tensors) -> Scores:
    """|sum of gradient x weight| per unit, relative within its group, for one sample of windows."""
    network.eval()
    loss = functional.cross_entropy(network(**data.inputs), data.label)
    scores = {}
    for name, group in groups.items():
        gradients = torch.autograd.grad(loss, group.parameters, retain_graph=True)
        products = [p.detach() * g for p, g in zip(group.parameters, gradients, strict=True)]
        total = group.total(products).abs()
        scores[name] = total / total.norm().clamp_min(1e-12)
    return scores
