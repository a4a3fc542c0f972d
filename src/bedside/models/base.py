"""The family of architectures: what is written beside the weights is enough to rebuild the network."""

import abc
from collections.abc import Sequence
from typing import Self

from torch import nn

from bedside.plugins import Plugin


class Architecture(Plugin, abc.ABC):
    """A network's shape as data; `build` makes the module with fresh weights."""

    @abc.abstractmethod
    def fitted(self, signal: Sequence[int], rhythm: Sequence[int], classes: int) -> Self:
        """The same shape for a dataset's windows: `signal` (channel, time), `rhythm` (feature,) and its classes."""

    @abc.abstractmethod
    def network(self) -> nn.Module:
        """A module with `forward(signal (batch, channel, time), rhythm (batch, feature)) -> logits (batch, class)`."""
