"""L2 norm of a unit's weights (Li et al. 2017): blind to the data, and so the baseline."""

from typing import Literal

from torch import nn

from bedside.compression.pruning.base import Importance, Scores
from bedside.compression.pruning.surgery import Anatomy
from bedside.training.batches import Tensors


class Magnitude(Importance):
    """Small weights are taken for unimportant ones."""

    kind: Literal["magnitude"] = "magnitude"

    def scores(self, network: nn.Module, data: Tensors, classes: int) -> Scores:
        del classes
        groups = Anatomy.of(network, data.shapes).groups
        squares = {name: [p.detach().square() for p in group.parameters] for name, group in groups.items()}
        return {name: group.total(squares[name]).sqrt() for name, group in groups.items()}
