"""Two networks that answer as one: the second is asked only for windows that the first is unsure of."""

from typing import cast

import torch
from torch import Tensor, nn


class SwitchedNetwork(nn.Module):
    """Each window gets the first network's answer where that is sure, else the second's (thresholds: 0 is always sure).

    `shared` reads the signal for both, `(signal, rhythm) -> features`; without it both read the signal. In torch both
    answer every window; the exported graph skips the second network (`bedside.graph.branches`).
    """

    thresholds: Tensor

    def __init__(self, first: nn.Module, second: nn.Module, classes: int, shared: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.second, self.shared = first, second, shared
        self.register_buffer("thresholds", torch.zeros(classes))

    def read(self, signal: Tensor, rhythm: Tensor) -> Tensor:
        """What both networks are given in place of the signal."""
        return signal if self.shared is None else cast(Tensor, self.shared(signal, rhythm))

    def forward(self, signal: Tensor, rhythm: Tensor) -> Tensor:
        """(batch, channel, time), (batch, feature) -> logits (batch, class)."""
        read = self.read(signal, rhythm)
        fast = self.first(read, rhythm)
        return torch.where(slack(fast, self.thresholds)[:, None] < 0, self.second(read, rhythm), fast)


class Alone(nn.Module):
    """One of the two networks by itself, from the signal on."""

    def __init__(self, part: nn.Module, shared: nn.Module | None) -> None:
        super().__init__()
        self.part, self.shared = part, shared

    def forward(self, signal: Tensor, rhythm: Tensor) -> Tensor:
        """(batch, channel, time), (batch, feature) -> logits (batch, class)."""
        read = signal if self.shared is None else self.shared(signal, rhythm)
        return cast(Tensor, self.part(read, rhythm))


def margin(logits: Tensor) -> Tensor:
    """How far the winner is ahead of the next class: (batch, class) -> (batch,); for example [3, 1, 0] -> 2."""
    best = logits.topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


def slack(logits: Tensor, thresholds: Tensor) -> Tensor:
    """What the margin has over the threshold of the winning class, (batch,); below zero the window is ambiguous."""
    return margin(logits) - thresholds[logits.argmax(dim=1)]
