"""How important a unit is: the family of scores. A unit is a channel, an LSTM cell or a hidden neuron."""

import abc

from torch import Tensor, nn

from bedside.plugins import Plugin
from bedside.training.batches import Tensors

Scores = dict[str, Tensor]


class Importance(Plugin, abc.ABC):
    """Scores every unit of every group; the units with the smallest scores are removed."""

    @abc.abstractmethod
    def scores(self, network: nn.Module, data: Tensors, classes: int) -> Scores:
        """Importance of each unit (unit,), by group name (see `bedside.compression.pruning.units`)."""
