"""L2 norm of a unit's weights (Li et al. 2017): blind to the data, and so the baseline."""

from typing import Literal

from bedside.compression.pruning.base import Importance, Scores
from bedside.compression.pruning.surgery import groups
from bedside.models.cnn_lstm import CnnLstmNetwork
from bedside.training.batches import Tensors


class Magnitude(Importance):
    """Small weights are taken for unimportant ones."""

    kind: Literal["magnitude"] = "magnitude"

    def scores(self, network: CnnLstmNetwork, data: Tensors, classes: int) -> Scores:
        del data, classes
        squares = {name: [p.detach().square() for p in g.parameters] for name, g in groups(network).items()}
        return {name: group.total(squares[name]).sqrt() for name, group in groups(network).items()}
