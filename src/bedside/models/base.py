"""The family of architectures: what is written beside the weights is enough to rebuild the network."""

import abc

from torch import nn

from bedside.plugins import Plugin


class Architecture(Plugin, abc.ABC):
    """A network's shape as data; `build` makes the module with fresh weights."""

    @abc.abstractmethod
    def network(self) -> nn.Module:
        """A module with `forward(signal (batch, channel, time), rhythm (batch, feature)) -> logits (batch, class)`."""
