"""A network as int8 kernels will compute it: batch norms folded, weights and activations on 8-bit grids.

Where a grid goes follows from what kernels there are. A convolution in integers needs one before and one after it (its
ReLU included), a linear layer one before it. LSTM and GRU have theirs on the weights alone: a runtime rounds what they
read per call, or not at all. What else a network does (sums, attention, means, norms that cannot be folded) is float.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Literal, cast

import pydantic
import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from bedside.datasets.inputs import Shapes
from bedside.models.edits.base import Edit
from bedside.models.fake_quant import ActivationQuantizer, QuantizedRecurrent, WeightGrid, on_grid
from bedside.models.traced import calls, module_of, traced

GRIDS = "grids"
Norms = nn.modules.batchnorm._BatchNorm
RECTIFIERS = (torch.relu, functional.relu, "relu", torch.nn.functional.relu6)
DROPPED = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.Identity)


class Quantized(Edit):
    """Weights are int8 always; `bits` are those of activations that are not on 8."""

    kind: Literal["quantized"] = "quantized"
    bits: dict[str, Literal[16, 32]] = pydantic.Field(
        default={}, description="by grid: 16, or 32 for not rounded at all"
    )

    def apply(self, network: nn.Module, inputs: Shapes) -> nn.Module:
        result = quantized(network, inputs)
        use(result, self.bits)
        return result


def quantized(network: nn.Module, inputs: Shapes) -> fx.GraphModule:
    """The network on grids with its own weights, as a graph; the one given keeps its own modules."""
    graph = traced(copy.deepcopy(network).eval(), inputs)
    _drop_dropout(graph)
    _fold_norms(graph)
    _round_weights(graph)
    graph.add_module(GRIDS, nn.ModuleDict())
    for node in list(graph.graph.nodes):
        if isinstance(module_of(graph, node), WeightGrid):
            _lay_grids(graph, node)
    graph.graph.eliminate_dead_code()
    graph.graph.lint()
    graph.recompile()
    graph.delete_all_unused_submodules()
    return graph.eval()


def grids(network: nn.Module) -> dict[str, ActivationQuantizer]:
    """The activations' grids by name, in the order in which a window meets them."""
    return cast(dict[str, ActivationQuantizer], dict(cast(nn.ModuleDict, network.get_submodule(GRIDS)).items()))


def use(network: nn.Module, bits: Mapping[str, int]) -> None:
    """Set the width of every grid: 8 where `bits` does not name it."""
    for name, grid in grids(network).items():
        grid.bits = bits.get(name, 8)
    for layer, before in _readers(network):
        layer.portable = before.bits == 8  # what reads other activations computes in float
    network.train(network.training)


def settle(network: nn.Module) -> None:
    """Put the weights of LSTM and GRU on their grid, so that the plain layer computes what was trained."""
    for module in network.modules():
        if isinstance(module, QuantizedRecurrent):
            module.settle()


def _readers(network: nn.Module) -> Iterator[tuple[WeightGrid, ActivationQuantizer]]:
    """Every layer on an int8 grid with the grid of the activations that it reads."""
    assert isinstance(network, fx.GraphModule)
    for node in network.graph.nodes:
        layer = module_of(network, node)
        before = module_of(network, node.args[0]) if node.args and isinstance(node.args[0], fx.Node) else None
        if isinstance(layer, WeightGrid) and isinstance(before, ActivationQuantizer):
            yield layer, before


def _drop_dropout(graph: fx.GraphModule) -> None:
    for node in list(graph.graph.nodes):
        if isinstance(module_of(graph, node), DROPPED) or node.target is functional.dropout:
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)


def _fold_norms(graph: fx.GraphModule) -> None:
    """Every batch norm that is alone in reading a convolution or a linear layer becomes part of it."""
    once = {path for path, nodes in calls(graph).items() if len(nodes) == 1}
    for node in list(graph.graph.nodes):
        norm, source = module_of(graph, node), node.args[0] if node.args else None
        if not isinstance(norm, Norms) or not isinstance(source, fx.Node) or len(source.users) > 1:
            continue
        before = module_of(graph, source)
        if before is None or not {str(node.target), str(source.target)} <= once:
            continue
        if isinstance(before, nn.Conv1d | nn.Conv2d):
            graph.set_submodule(str(source.target), fuse_conv_bn_eval(before, norm))
        elif isinstance(before, nn.Linear):
            graph.set_submodule(str(source.target), fuse_linear_bn_eval(before, norm))
        else:
            continue
        node.replace_all_uses_with(source)
        graph.graph.erase_node(node)


def _round_weights(graph: fx.GraphModule) -> None:
    for path in calls(graph):
        if (rounded := on_grid(graph.get_submodule(path))) is not None:
            graph.set_submodule(path, rounded)


def _lay_grids(graph: fx.GraphModule, node: fx.Node) -> None:
    """A grid on what a layer reads; after a convolution one on what it answers, for everyone who reads that."""
    module, source = module_of(graph, node), node.args[0]
    assert isinstance(source, fx.Node)
    if not isinstance(module_of(graph, source), ActivationQuantizer):
        known = (reader for reader in source.users if isinstance(module_of(graph, reader), ActivationQuantizer))
        grid = next(known, None) or _grid_after(graph, source)
        node.replace_input_with(source, grid)
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        last = _rectified(graph, node)
        grid = _grid_after(graph, last)
        last.replace_all_uses_with(grid, delete_user_cb=lambda reader: reader is not grid)


def _rectified(graph: fx.GraphModule, node: fx.Node) -> fx.Node:
    """The ReLU that alone reads a node, which its kernel computes along; without one the node itself."""
    (reader, *others) = [*node.users, node]
    if len(node.users) != 1 or not others:
        return node
    is_rectifier = reader.target in RECTIFIERS or isinstance(module_of(graph, reader), nn.ReLU)
    return reader if is_rectifier else node


def _grid_after(graph: fx.GraphModule, node: fx.Node) -> fx.Node:
    name = _name(graph, node)
    cast(nn.ModuleDict, graph.get_submodule(GRIDS))[name] = ActivationQuantizer()
    with graph.graph.inserting_after(node):
        return graph.graph.call_module(f"{GRIDS}.{name}", (node,))


def _name(graph: fx.GraphModule, node: fx.Node) -> str:
    """What the values are called: by the layer that answers with them, or by what joins them."""
    source = node.args[0] if node.args and isinstance(node.args[0], fx.Node) else None
    if source is not None and _rectified(graph, source) is node and source.op == "call_module":
        return source.name
    return node.name
