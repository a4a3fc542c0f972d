"""Rewrites that take away what a batch of one pays for and nobody asked: about 1 us per node on a laptop core.

Each function looks for one thing that torch's exporter writes around an LSTM and puts the short form in its place.
"""

import numpy as np
import onnx
from onnx import helper

from bedside.graph.surgery import View, attribute, branches, constant, drop_unused, of_type, reads, relabel, set_nodes

STATES = slice(5, 7)  # initial_h and initial_c among the inputs of ONNX's LSTM
ZERO_MAKERS = ("Expand", "Slice", "Identity", "Reshape", "Unsqueeze", "Squeeze")


def tidy_recurrence(model: onnx.ModelProto) -> None:
    """All rewrites of this module, then away with what they left unused."""
    drop_zero_states(model.graph)
    squeeze_between_layers(model.graph)
    squeeze_last_state(model.graph)
    drop_unused(model.graph)


def drop_zero_states(graph: onnx.GraphProto) -> None:
    """An LSTM starts from zero by itself; the exporter builds those zeros from the batch size in four nodes."""
    view = View(graph)
    for node in of_type(graph, "LSTM"):
        states = list(node.input[STATES])
        if states and all(is_zero(view, name) for name in states):
            del node.input[STATES]
            while not node.input[-1]:
                node.input.pop()


def is_zero(view: View, name: str) -> bool:
    """Whether `name` is nothing but zeros, through any number of reshapes."""
    if not name:
        return True
    value = view.constant(name)
    if value is not None:
        return not np.any(value)
    node = view.producers.get(name)
    return node is not None and node.op_type in ZERO_MAKERS and is_zero(view, node.input[0])


def squeeze_between_layers(graph: onnx.GraphProto) -> None:
    """Between layers, (time, 1, batch, unit) -> (time, batch, unit) is one Squeeze, not a Transpose and a Reshape."""
    view = View(graph)
    nodes = list(graph.node)
    for node in of_type(graph, "Reshape"):
        transpose = view.made_by("Transpose", node.input[0])
        if transpose is None or attribute(transpose, "perm") != [0, 2, 1, 3]:
            continue
        layer = view.made_by("LSTM", transpose.input[0])
        if layer is not None and _is_one_way(layer):
            nodes[_place(nodes, node)] = _squeeze(graph, layer.output[0], 1, node.output[0])
    set_nodes(graph, nodes)


def squeeze_last_state(graph: onnx.GraphProto) -> None:
    """The final hidden state (1, batch, unit) -> (batch, unit) needs no lookup of layer number 0."""
    view = View(graph)
    nodes = list(graph.node)
    for node in of_type(graph, "Gather"):
        layer = view.made_by("LSTM", node.input[0])
        index = view.constant(node.input[1])
        if layer is None or index is None or index.ndim or not _is_one_way(layer):
            continue
        if node.input[0] == layer.output[1] and attribute(node, "axis", 0) == 0:
            nodes[_place(nodes, node)] = _squeeze(graph, node.input[0], 0, node.output[0])
    set_nodes(graph, nodes)


def convolve_in_two_dimensions(model: onnx.ModelProto) -> None:
    """Write float Conv1d as Conv2d over (1, time): ONNX Runtime has blocked kernels (NCHWc) for two dimensions only.

    Measured for 16-32-32 channels (kernels 7-5-3, strides 4-2-2) on one core with AVX-512: convolutions 6.6 -> 3.0 us.
    """
    graph, view = model.graph, View(model.graph)
    nodes: list[onnx.NodeProto] = []
    images: set[str] = set()  # tensors that have become (batch, channel, 1, time)
    beside: set[str] = set()  # tensors that have one of that shape beside them
    for node in graph.node:
        data = node.input[0] if node.input else ""
        if node.op_type == "Conv" and _is_one_dimensional(node, view):
            if data not in images:
                if data not in beside:
                    nodes.append(_reshaped(graph, "Unsqueeze", data, f"{data}.image"))
                    beside.add(data)
                node.input[0] = f"{data}.image"
            _add_dimension(graph, view, node)
            images.update(node.output)
        elif node.op_type == "Relu" and data in images:
            images.update(node.output)
        elif not (node.op_type == "Reshape" and _is_flat(node, view)):  # which reads both alike
            for name in sorted(images & set(reads(node))):  # readers that know nothing of it, in branches too
                nodes.append(_reshaped(graph, "Squeeze", name, f"{name}.flat.{len(nodes)}"))
                _read_instead(node, name, nodes[-1].output[0])
        nodes.append(node)
    set_nodes(graph, nodes)


def _is_one_dimensional(node: onnx.NodeProto, view: View) -> bool:
    weight = view.constants.get(node.input[1])
    return weight is not None and len(weight.dims) == 3


def _read_instead(node: onnx.NodeProto, old: str, new: str) -> None:
    node.input[:] = [new if name == old else name for name in node.input]
    for branch in branches(node):
        relabel(branch, lambda name: new if name == old else name)


def _is_flat(node: onnx.NodeProto, view: View) -> bool:
    shape = view.constant(node.input[1])
    return shape is not None and len(shape) == 2


def _add_dimension(graph: onnx.GraphProto, view: View, node: onnx.NodeProto) -> None:
    weight = view.constant(node.input[1])
    assert weight is not None  # asked before
    node.input[1] = constant(graph, f"{node.input[1]}.image", weight[:, :, None])
    ahead = {"kernel_shape": [1], "strides": [1], "dilations": [1]}
    for item in node.attribute:
        if item.name in ahead:
            item.ints[:] = [*ahead[item.name], *item.ints]
        elif item.name == "pads":
            item.ints[:] = [0, item.ints[0], 0, item.ints[1]]


def _reshaped(graph: onnx.GraphProto, operator: str, source: str, target: str) -> onnx.NodeProto:
    return helper.make_node(operator, [source, constant(graph, "axis_2", np.array([2], np.int64))], [target])


def _is_one_way(layer: onnx.NodeProto) -> bool:
    return bool(attribute(layer, "direction", b"forward") == b"forward")


def _place(nodes: list[onnx.NodeProto], node: onnx.NodeProto) -> int:
    return next(index for index, other in enumerate(nodes) if other.output == node.output)


def _squeeze(graph: onnx.GraphProto, source: str, axis: int, target: str) -> onnx.NodeProto:
    axes = constant(graph, f"axis_{axis}", np.array([axis], np.int64))
    return helper.make_node("Squeeze", [source, axes], [target])
