"""The family of architectures: what is written beside the weights is enough to rebuild the network."""

import abc
from typing import Self

from torch import nn

from bedside.datasets.inputs import Shapes
from bedside.plugins import Plugin


class Architecture(Plugin, abc.ABC):
    """A network's shape as data; `build` makes the module with fresh weights."""

    @abc.abstractmethod
    def fitted(self, inputs: Shapes, classes: int) -> Self:
        """The same shape for a dataset's windows and classes; RefusedError for inputs that it cannot read."""

    @abc.abstractmethod
    def network(self) -> nn.Module:
        """A module whose `forward` takes the inputs by name (batch, *shape) and answers logits (batch, class)."""
