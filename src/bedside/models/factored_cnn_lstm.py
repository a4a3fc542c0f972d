"""A CNN-LSTM with layers written as two cheaper ones: two low-rank factors, or a depthwise and a pointwise convolution.

Every pair is an `nn.Sequential` in the place of the layer, so that the network around it stays as it is. Of an LSTM
only the input weights can be a pair: a linear layer before a narrower LSTM. Its recurrent weights act inside the
loop, where ONNX's LSTM has no place for a factor, and a loop written out runs slower than the whole matrix.
"""

from collections.abc import Iterable
from typing import Literal, Self

import pydantic
from torch import nn

from bedside.artifacts import Artifact
from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError
from bedside.models.base import Architecture
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork
from bedside.models.convolution import convolution, walk
from bedside.models.io import architecture_of, load


class FactoredCnnLstm(Architecture):
    """The shape before, and by name (`convolutions.1`, `lstm.0`, `hidden`) the layers that are written as pairs."""

    kind: Literal["factored_cnn_lstm"] = "factored_cnn_lstm"
    whole: CnnLstm
    ranks: dict[str, pydantic.PositiveInt] = pydantic.Field(default_factory=dict, description="layer -> inner width")
    separable: tuple[str, ...] = pydantic.Field(default=(), description="depthwise, then pointwise convolutions")

    @pydantic.model_validator(mode="after")
    def _names_layers_once(self) -> Self:
        known = layer_names(self.whole)
        for name in (*self.ranks, *self.separable):
            if name not in known:
                raise ValueError(f"no layer {name!r}; known: {', '.join(known)}")
        if twice := set(self.ranks) & set(self.separable):
            raise ValueError(f"{', '.join(sorted(twice))}: either of low rank or separable, not both")
        if wrong := [name for name in self.separable if not name.startswith("convolutions.")]:
            raise ValueError(f"{', '.join(wrong)}: only a convolution can be separable")
        return self

    def fitted(self, inputs: Shapes, classes: int) -> Self:
        return self.model_copy(update={"whole": self.whole.fitted(inputs, classes)})

    def network(self) -> CnnLstmNetwork:
        """The whole network with its named layers replaced; `blocks` and `layers` then hold pairs too."""
        network = self.whole.network()
        for name, rank in self.ranks.items():
            put(network, name, low_rank(layer(network, name), rank))
        for name in self.separable:
            put(network, name, depthwise_pointwise(layer(network, name)))
        return network

    @property
    def left(self) -> tuple[str, ...]:
        """Layers that are still whole."""
        return tuple(name for name in layer_names(self.whole) if name not in {*self.ranks, *self.separable})


def open_float(model: Artifact, technique: str) -> tuple[CnnLstmNetwork, FactoredCnnLstm]:
    """A float CNN-LSTM and its shape as a factored one, so far perhaps without any pair; refuses everything else."""
    shape, network = architecture_of(model), load(model)
    if isinstance(shape, CnnLstm):
        shape = FactoredCnnLstm(whole=shape)
    if not isinstance(shape, FactoredCnnLstm) or not isinstance(network, CnnLstmNetwork):
        raise RefusedError(f"{technique} takes a float cnn_lstm, not a {shape.kind}; quantize last (params.yaml)")
    return network, shape


def layer_names(shape: CnnLstm) -> tuple[str, ...]:
    """Layers that could be written as a pair; the last one, a few classes wide, gains nothing."""
    convolutions = (f"convolutions.{n}" for n in range(len(shape.convolutions)))
    return (*convolutions, *(f"lstm.{n}" for n in range(len(shape.lstm))), "hidden")


def require_layers(shape: FactoredCnnLstm, names: Iterable[str], where: str) -> None:
    """Refuse names of layers that the network does not have; `where` is the parameter that gave them."""
    known = layer_names(shape.whole)
    if unknown := [name for name in names if name not in known]:
        raise RefusedError(f"{where}: no layer {unknown[0]!r} in the parent; known: {', '.join(known)}")


def layer(network: nn.Module, name: str) -> nn.Module:
    """The layer of that name."""
    return network.get_submodule(_path(name))


def put(network: nn.Module, name: str, replacement: nn.Module) -> None:
    """Set another module in the layer's place."""
    network.set_submodule(_path(name), replacement)


def _path(name: str) -> str:
    return f"{name}.conv" if name.startswith("convolutions.") else name


def low_rank(like: nn.Module, rank: int) -> nn.Sequential:
    """Two fresh layers with the inputs and outputs of one; `rank` values lie between them (per instant, if in time)."""
    match like:
        case nn.Conv1d():
            return nn.Sequential(
                convolution(like.in_channels, rank, walk(like), bias=False),
                nn.Conv1d(rank, like.out_channels, 1, bias=like.bias is not None),
            )
        case nn.LSTM():
            inputs = nn.Linear(like.input_size, rank, bias=False)
            return nn.Sequential(inputs, nn.LSTM(rank, like.hidden_size, batch_first=True))
        case nn.Linear():
            return nn.Sequential(
                nn.Linear(like.in_features, rank, bias=False),
                nn.Linear(rank, like.out_features, bias=like.bias is not None),
            )
    raise TypeError(f"no low-rank pair for a {type(like).__name__}")


def depthwise_pointwise(like: nn.Module) -> nn.Sequential:
    """Fresh: one filter per input channel, then a mix of channels per instant (MobileNet, Howard et al. 2017).

    The two together are linear, as the layer that they replace; its batch norm and ReLU follow (Chollet 2017 found
    nothing between them to be best).
    """
    assert isinstance(like, nn.Conv1d)
    channels = like.in_channels
    return nn.Sequential(
        convolution(channels, channels, walk(like), groups=channels, bias=False),
        nn.Conv1d(channels, like.out_channels, 1, bias=like.bias is not None),
    )
