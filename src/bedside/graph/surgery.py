"""The few operations that every rewrite of an ONNX graph needs."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

Array = NDArray[Any]


class View:
    """Lookups in a graph as it was when the view was made: who makes a tensor, who reads it, what is constant."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.producers = {name: node for node in graph.node for name in node.output if name}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in reads(node):
                self.readers.setdefault(name, []).append(node)

    def made_by(self, operator: str, name: str) -> onnx.NodeProto | None:
        """The node that makes `name`, if it is an `operator`."""
        node = self.producers.get(name)
        return node if node is not None and node.op_type == operator else None

    def constant(self, name: str) -> Array | None:
        """The value of an initializer; None for what is computed."""
        return numpy_helper.to_array(self.constants[name]) if name in self.constants else None


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """The value of a node's attribute, or `default`."""
    return next((onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


def branches(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs inside a node (`then_branch` and `else_branch` of an If); most nodes have none."""
    return [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def with_branches(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and every graph inside it, however deep."""
    yield graph
    for node in graph.node:
        for branch in branches(node):
            yield from with_branches(branch)


def reads(node: onnx.NodeProto) -> list[str]:
    """What a node needs: its inputs, and the tensors from around it that its branches use."""
    names = list(node.input)
    for branch in branches(node):
        own = {name for inner in branch.node for name in inner.output} | {t.name for t in branch.initializer}
        wanted = [name for inner in branch.node for name in reads(inner)] + [value.name for value in branch.output]
        names += [name for name in dict.fromkeys(wanted) if name and name not in own]
    return names


def relabel(graph: onnx.GraphProto, renamed: Callable[[str], str]) -> None:
    """Give every tensor, in branches too, the name `renamed(name)`; optional inputs and outputs stay left out."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [renamed(name) if name else name for name in names]
        for branch in branches(node):
            relabel(branch, renamed)
    for item in (*graph.initializer, *graph.input, *graph.output):
        item.name = renamed(item.name)
    del graph.value_info[:]


def of_type(graph: onnx.GraphProto, *operators: str) -> list[onnx.NodeProto]:
    """The nodes of these operators, in the graph's order."""
    return [node for node in graph.node if node.op_type in operators]


def constant(graph: onnx.GraphProto, name: str, value: Array) -> str:
    """Put `value` into the graph under `name`, unless it is there, and return the name."""
    if all(tensor.name != name for tensor in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    return name


def set_nodes(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Make `nodes` the graph's nodes."""
    kept = list(nodes)
    del graph.node[:]
    graph.node.extend(kept)


def drop_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes and initializers that no output depends on, and optional outputs that nobody reads."""
    needed = {output.name for output in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if needed.isdisjoint(node.output):
            continue
        _set_outputs(node, [name if name in needed else "" for name in node.output])
        needed.update(name for name in reads(node) if name)
        kept.insert(0, node)
    set_nodes(graph, kept)
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(constants)


def _set_outputs(node: onnx.NodeProto, names: list[str]) -> None:
    while not names[-1]:
        names.pop()
    del node.output[:]
    node.output.extend(names)
