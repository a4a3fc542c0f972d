"""Multiply-accumulates of a network for one window, with any number of units in each group: what allocations spend."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass


from torch import Tensor, fx, nn

from bedside.compression.pruning.surgery import Anatomy
from bedside.datasets.inputs import Shapes
from bedside.models.traced import calls, shape, traced

Counts = Mapping[str, int]
GATES = {nn.LSTM: 4, nn.GRU: 3}


@dataclass(frozen=True)
class Side:
    """A layer's outputs or inputs: how many belong to no group, and how many to each unit of a group."""

    fixed: int
    each: dict[str, int]

    def left(self, counts: Counts) -> int:
        """How many are left with so many units in each group."""
        return self.fixed + sum(times * counts[group] for group, times in self.each.items())


def macs(network: nn.Module, inputs: Shapes) -> Callable[[Counts], int]:
    """Multiply-accumulates of convolutions, LSTM, GRU and linear layers for one window, from the units left per group.

    Worked: a convolution 2 -> 16 channels with kernel 7 and stride 2 on 120 samples: 60 x 16 x 2 x 7 = 13,440. An LSTM
    of 8 units on 4 inputs over 10 steps: 10 x 4 x 8 x (4 + 8) = 3,840. A linear layer 39 -> 32: 1,248.
    """
    anatomy, graph = Anatomy.of(network, inputs), traced(network, inputs)
    group_of = {root: name for name, group in anatomy.groups.items() for root in group.units.tolist()}
    units = {name: len(group.units) for name, group in anatomy.groups.items()}
    terms = []
    for path, nodes in calls(graph).items():
        module = graph.get_submodule(path)
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear | nn.LSTM | nn.GRU):
            wiring = anatomy.wired.get(path)
            marks = (wiring.rows, wiring.columns) if wiring else (None, None)
            default = _widths(module)
            rows, columns = (
                _side(anatomy, marked, whole, group_of, units) for marked, whole in zip(marks, default, strict=True)
            )
            terms.append((module, sum(map(_answers, nodes)), rows, columns))

    def cost(counts: Counts) -> int:
        return sum(_macs(module, times, rows.left(counts), columns.left(counts)) for module, times, rows, columns in terms)

    return cost


def _widths(module: nn.Module) -> tuple[int, int]:
    match module:
        case nn.Conv1d() | nn.Conv2d():
            return module.out_channels, module.in_channels
        case nn.LSTM() | nn.GRU():
            return module.hidden_size, module.input_size
    assert isinstance(module, nn.Linear)
    return module.out_features, module.in_features


def _side(anatomy: Anatomy, marks: Tensor | None, whole: int, group_of: Mapping[int, str], units: Counts) -> Side:
    if marks is None:
        return Side(whole, {})
    names = [group_of.get(root) for root in anatomy.marks.roots(marks).tolist()]
    return Side(names.count(None), {name: names.count(name) // units[name] for name in set(names) if name is not None})


def _answers(node: fx.Node) -> int:
    """How often a layer's weights are used for one window: instants of a convolution's answer, steps of an LSTM."""
    value = node.meta["value"]
    sizes = tuple(value[0].shape) if isinstance(value, tuple) else tuple(shape(node))  # type: ignore[arg-type]
    return math.prod(sizes[2:]) if _is_convolution(node) else math.prod(sizes[1:-1])


def _is_convolution(node: fx.Node) -> bool:
    module = node.graph.owning_module.get_submodule(str(node.target)) if node.graph.owning_module else None
    return isinstance(module, nn.Conv1d | nn.Conv2d)


def _macs(module: nn.Module, times: int, rows: int, columns: int) -> int:
    match module:
        case nn.Conv1d() | nn.Conv2d():
            reads = columns if module.groups == 1 else module.in_channels // module.groups
            return times * rows * reads * math.prod(module.kernel_size)
        case nn.LSTM() | nn.GRU():
            directions = 2 if module.bidirectional else 1
            read = [columns, *[directions * rows] * (module.num_layers - 1)]
            return times * directions * GATES[type(module)] * rows * sum(inputs + rows for inputs in read)
    return times * rows * columns


def whole(anatomy: Anatomy) -> dict[str, int]:
    """The units of each group of the network as it is."""
    return {name: len(group.units) for name, group in anatomy.groups.items()}


