"""A cascade (Viola & Jones 2001): a small network answers, a large one takes the windows the small one is unsure of."""

from typing import Literal, Self

from pydantic import Field

from bedside.datasets.inputs import Shapes
from bedside.models.base import Architecture
from bedside.models.switched import SwitchedNetwork
from bedside.plugins import Choice


class Cascade(Architecture):
    """Two complete networks, each of any architecture."""

    kind: Literal["cascade"] = "cascade"
    small: Choice[Architecture]
    large: Choice[Architecture]
    classes: int = Field(default=4, ge=2)

    def fitted(self, inputs: Shapes, classes: int) -> Self:
        small, large = (network.fitted(inputs, classes) for network in (self.small, self.large))
        return self.model_copy(update={"small": small, "large": large, "classes": classes})

    def network(self) -> SwitchedNetwork:
        return SwitchedNetwork(self.small.network(), self.large.network(), self.classes)
