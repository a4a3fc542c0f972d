"""Two networks that answer as one: the second is asked only for windows that the first is unsure of."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn


class SwitchedNetwork(nn.Module):
    """Each window gets the first network's answer where that is sure, else the second's (thresholds: 0 is always sure).

    Where there is a `trunk`, it reads the window for both: `trunk(**inputs)` stands in the place of the input
    `replaced`. In torch both answer every window; the exported graph skips the second (`bedside.graph.branches`).
    """

    thresholds: Tensor

    def __init__(
        self, first: nn.Module, second: nn.Module, classes: int, trunk: nn.Module | None = None, replaced: str = ""
    ) -> None:
        super().__init__()
        self.first, self.second, self.trunk, self.replaced = first, second, trunk, replaced
        self.register_buffer("thresholds", torch.zeros(classes))

    def read(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What both networks are given."""
        return behind(self.trunk, self.replaced, inputs)

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name, each with the batch first -> logits (batch, class)."""
        read = self.read(inputs)
        fast = self.first(**read)
        return torch.where(slack(fast, self.thresholds)[:, None] < 0, self.second(**read), fast)


class Alone(nn.Module):
    """One of the two networks by itself, from the window on."""

    def __init__(self, part: nn.Module, trunk: nn.Module | None, replaced: str = "") -> None:
        super().__init__()
        self.part, self.trunk, self.replaced = part, trunk, replaced

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name, each with the batch first -> logits (batch, class)."""
        return cast(Tensor, self.part(**behind(self.trunk, self.replaced, inputs)))


def behind(trunk: nn.Module | None, replaced: str, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inputs, with what the trunk makes of them in the place of one, in the same order."""
    if trunk is None:
        return dict(inputs)
    features = trunk(**inputs)
    return {name: features if name == replaced else tensor for name, tensor in inputs.items()}


def margin(logits: Tensor) -> Tensor:
    """How far the winner is ahead of the next class: (batch, class) -> (batch,); for example [3, 1, 0] -> 2."""
    best = logits.topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


def slack(logits: Tensor, thresholds: Tensor) -> Tensor:
    """What the margin has over the threshold of the winning class, (batch,); below zero the window is ambiguous."""
    return margin(logits) - thresholds[logits.argmax(dim=1)]
