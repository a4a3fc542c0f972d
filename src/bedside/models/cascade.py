"""A cascade (Viola & Jones 2001): a small network answers, a large one takes the windows the small one is unsure of."""

from typing import Literal, Self

from bedside.datasets.inputs import Shapes
from bedside.models.base import Architecture
from bedside.models.network import Network
from bedside.models.switched import SwitchedNetwork


class Cascade(Architecture):
    """Two complete networks for the same windows and classes."""

    kind: Literal["cascade"] = "cascade"
    small: Network
    large: Network

    def fitted(self, inputs: Shapes, classes: int) -> Self:
        del inputs, classes  # both are fitted already
        return self

    def network(self) -> SwitchedNetwork:
        return SwitchedNetwork(self.small.network(), self.large.network(), self.large.classes)
