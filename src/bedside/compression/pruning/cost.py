"""Multiply-accumulates of a network for one window, with any number of units in each group: what allocations spend."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, fx, nn

from bedside.compression.pruning.surgery import Anatomy
from bedside.datasets.inputs import Shapes
from bedside.models.traced import VALUE, calls, traced

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


@dataclass(frozen=True)
class Term:
    """A layer: how often it computes for one window, and what it answers with and reads."""

    module: nn.Module
    times: int
    rows: Side
    columns: Side


@dataclass(frozen=True)
class Cost:
    """Multiply-accumulates for one window of a network with any number of units left in each group."""

    units: dict[str, int]
    terms: list[Term]

    def __call__(self, counts: Counts) -> int:
        return sum(_macs(one.module, one.times, one.rows.left(counts), one.columns.left(counts)) for one in self.terms)

    @property
    def whole(self) -> int:
        """Of the network as it is."""
        return self(self.units)


def macs(network: nn.Module, inputs: Shapes) -> Cost:
    """The cost of a network's convolutions, LSTM, GRU and linear layers.

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
            terms.append(Term(module, sum(_answers(module, node) for node in nodes), rows, columns))
    return Cost(units, terms)


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


def _answers(module: nn.Module, node: fx.Node) -> int:
    """How often a layer's weights are used for one window: instants of a convolution's answer, steps of an LSTM."""
    value = node.meta[VALUE]
    sizes = (value[0] if isinstance(value, tuple) else value).shape
    return math.prod(sizes[2:] if isinstance(module, nn.Conv1d | nn.Conv2d) else sizes[1:-1])


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
