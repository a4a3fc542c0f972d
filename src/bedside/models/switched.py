"""Two networks that answer as one: the second is asked only for windows that the first is unsure of."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn


class SwitchedNetwork(nn.Module):
    """Each window gets the first network's answer where that is sure, else the second's (thresholds: 0 is always sure).

    `shared` reads all inputs for both; what it makes of them stands for both in the place of the input `replaced`. In
    torch both answer every window; the exported graph skips the second network (`bedside.graph.branches`).
    """

    thresholds: Tensor

    def __init__(
        self, first: nn.Module, second: nn.Module, classes: int, shared: nn.Module | None = None, replaced: str = ""
    ) -> None:
        super().__init__()
        self.first, self.second, self.shared, self.replaced = first, second, shared, replaced
        self.register_buffer("thresholds", torch.zeros(classes))

    def read(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What both networks are given."""
        return _read(inputs, self.shared, self.replaced)

    def forward(self, **inputs: Tensor) -> Tensor:
        """(batch, *shape) each -> logits (batch, class)."""
        read = self.read(inputs)
        fast = self.first(**read)
        return torch.where(slack(fast, self.thresholds)[:, None] < 0, self.second(**read), fast)


class Alone(nn.Module):
    """One of the two networks by itself, from the inputs on."""

    def __init__(self, part: nn.Module, of: SwitchedNetwork) -> None:
        super().__init__()
        self.part, self.shared, self.replaced = part, of.shared, of.replaced

    def forward(self, **inputs: Tensor) -> Tensor:
        """(batch, *shape) each -> logits (batch, class)."""
        return cast(Tensor, self.part(**_read(inputs, self.shared, self.replaced)))


def _read(inputs: Mapping[str, Tensor], shared: nn.Module | None, replaced: str) -> dict[str, Tensor]:
    return dict(inputs) if shared is None else {**inputs, replaced: shared(**inputs)}


def margin(logits: Tensor) -> Tensor:
    """How far the winner is ahead of the next class: (batch, class) -> (batch,); for example [3, 1, 0] -> 2."""
    best = logits.topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


def slack(logits: Tensor, thresholds: Tensor) -> Tensor:
    """What the margin has over the threshold of the winning class, (batch,); below zero the window is ambiguous."""
    return margin(logits) - thresholds[logits.argmax(dim=1)]
