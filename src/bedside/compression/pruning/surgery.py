"""Really removing units: a smaller network with the kept rows and columns of the old weights.

Removing a unit removes its own weights (a convolution's filter with its batch norm, all four gates of an LSTM cell, a
row of a linear layer) and the columns with which the next layer reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork

GATES = 4


@dataclass(frozen=True)
class Group:
    """Units that are removed one by one: their parameters each have `gates * units` rows."""

    parameters: list[nn.Parameter]
    units: int
    gates: int = 1

    def total(self, values: list[Tensor]) -> Tensor:
        """Sum per unit (unit,) of values shaped like the parameters."""
        return torch.stack([v.reshape(self.gates, self.units, -1).sum((0, 2)) for v in values]).sum(0)


def groups(network: CnnLstmNetwork) -> dict[str, Group]:
    """Every prunable group: the channels of each convolution, the cells of each LSTM layer, the hidden neurons."""
    found = {}
    for number, block in enumerate(network.blocks):
        found[f"convolutions.{number}"] = Group(list(block.parameters()), block.conv.out_channels)
    for number, layer in enumerate(network.layers):
        found[f"lstm.{number}"] = Group(list(layer.parameters()), layer.hidden_size, GATES)
    found["hidden"] = Group(list(network.hidden.parameters()), network.hidden.out_features)
    return found


def resized(shape: CnnLstm, counts: Mapping[str, int]) -> CnnLstm:
    """The shape with `counts` units in each group."""
    blocks = tuple(
        block.model_copy(update={"channels": counts[f"convolutions.{n}"]}) for n, block in enumerate(shape.convolutions)
    )
    lstm = tuple(counts[f"lstm.{n}"] for n in range(len(shape.lstm)))
    return shape.model_copy(update={"convolutions": blocks, "lstm": lstm, "head": counts["hidden"]})


def shrink(network: CnnLstmNetwork, shape: CnnLstm, keep: Mapping[str, Tensor]) -> tuple[CnnLstmNetwork, CnnLstm]:
    """The network without the units that `keep` (group -> sorted indices) does not name, and its new shape."""
    smaller = resized(shape, {name: len(units) for name, units in keep.items()})
    result = smaller.network()
    with torch.no_grad():
        _copy(network, result, shape.signal_channels, keep)
    return result.eval(), smaller


def _copy(old: CnnLstmNetwork, new: CnnLstmNetwork, channels: int, keep: Mapping[str, Tensor]) -> None:
    read, inputs = channels, torch.arange(channels)  # what the next layer was given, and what is left of it
    for number, (source, target) in enumerate(zip(old.blocks, new.blocks, strict=True)):
        units = keep[f"convolutions.{number}"]
        target.conv.weight.copy_(source.conv.weight[units][:, inputs])
        _copy_norm(source.norm, target.norm, units)
        read, inputs = source.conv.out_channels, units
    for number, (layer, smaller) in enumerate(zip(old.layers, new.layers, strict=True)):
        units = keep[f"lstm.{number}"]
        _copy_lstm(layer, smaller, units, inputs)
        inputs = units
    if not old.layers:  # the head reads every instant of each channel
        instants = torch.arange(old.width // read)
        inputs = (inputs[:, None] * len(instants) + instants).flatten()
    others = torch.arange(old.width, old.hidden.in_features)
    columns, rows = torch.cat([inputs, others]), keep["hidden"]
    new.hidden.weight.copy_(old.hidden.weight[rows][:, columns])
    new.hidden.bias.copy_(old.hidden.bias[rows])
    new.output.weight.copy_(old.output.weight[:, rows])
    new.output.bias.copy_(old.output.bias)


def _copy_norm(old: nn.BatchNorm1d, new: nn.BatchNorm1d, units: Tensor) -> None:
    state = {name: t if t.ndim == 0 else t[units] for name, t in old.state_dict().items()}
    new.load_state_dict(state)


def _copy_lstm(old: nn.LSTM, new: nn.LSTM, units: Tensor, inputs: Tensor) -> None:
    rows = torch.cat([units + gate * old.hidden_size for gate in range(GATES)])
    columns = {"weight_ih_l0": inputs, "weight_hh_l0": units}
    state = {
        name: tensor[rows][:, columns[name]] if name in columns else tensor[rows]
        for name, tensor in old.state_dict().items()
    }
    new.load_state_dict(state)
