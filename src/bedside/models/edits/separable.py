"""Convolutions written as a depthwise and a pointwise one (MobileNet, Howard et al. 2017)."""

from typing import Literal

from torch import nn

from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError
from bedside.models import like as alike
from bedside.models.edits.base import Edit, layer


class Separable(Edit):
    """The paths of the convolutions that are a pair."""

    kind: Literal["separable"] = "separable"
    layers: tuple[str, ...]

    def apply(self, network: nn.Module, inputs: Shapes) -> nn.Module:
        del inputs
        for path in self.layers:
            network.set_submodule(path, depthwise_pointwise(layer(network, path)))
        return network


def depthwise_pointwise(like: nn.Module) -> nn.Sequential:
    """Fresh: one filter per input channel, then a mix of channels per instant.

    The two together are linear, as the layer that they replace; its batch norm and ReLU follow (Chollet 2017 found
    nothing between them to be best).
    """
    if not isinstance(like, nn.Conv1d | nn.Conv2d):
        raise RefusedError(f"only a convolution can be a depthwise and a pointwise one, not a {type(like).__name__}")
    channels = like.in_channels
    filters = alike.convolution(like, channels, channels, groups=channels, bias=False)
    return nn.Sequential(filters, alike.pointwise(like, channels, like.out_channels))
