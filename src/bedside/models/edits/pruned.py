"""Layers of fewer units: what structured pruning left."""

from typing import Literal

import pydantic
from torch import nn

from bedside.datasets.inputs import Shapes
from bedside.models.edits.base import Edit, layer
from bedside.models.like import resized
from bedside.params import Params


class Width(Params):
    """A layer's outputs (of an LSTM or GRU its units) and inputs; None: as many as before, or none to speak of."""

    outputs: pydantic.PositiveInt | None = None
    inputs: pydantic.PositiveInt | None = None


class Pruned(Edit):
    """The new widths of every layer that has others, by the layer's path."""

    kind: Literal["pruned"] = "pruned"
    widths: dict[str, Width]

    def apply(self, network: nn.Module, inputs: Shapes) -> nn.Module:
        del inputs
        for path, width in self.widths.items():
            network.set_submodule(path, resized(layer(network, path), width.outputs, width.inputs))
        return network
