"""QDQ graphs: what quantization looks like in ONNX, and the forms that make integer kernels out of it."""

from collections import Counter

import numpy as np
import onnx
from onnx import TensorProto, helper

from bedside.graph.surgery import View, constant, drop_unused, of_type, set_nodes, with_branches

ACTIVATIONS = {TensorProto.UINT8: "uint8", TensorProto.INT8: "int8", TensorProto.UINT16: "uint16"}


def is_quantized(model: onnx.ModelProto) -> bool:
    """Whether anything in the graph, in its branches too, lies on an integer grid: activations, or weights alone."""
    operators = "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QGemm"
    return any(of_type(graph, *operators) for graph in with_branches(model.graph))


def activation_grids(model: onnx.ModelProto) -> dict[str, int]:
    """How many activations are quantized, by type: `{"uint8": 5}`; empty for a graph with integer weights alone."""
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    found = Counter(ACTIVATIONS[types[node.input[2]]] for node in of_type(model.graph, "QuantizeLinear"))
    return dict(sorted(found.items()))


def compute_in_float(model: onnx.ModelProto, linear_from: int = 0, depthwise: bool = True) -> None:
    """Give float weights to every convolution and linear layer that no integer kernel will run, or runs slower.

    A convolution needs 8-bit grids before and after it, and one with a filter per channel a runtime that has a kernel
    for it (`depthwise`); a linear layer needs a grid before it, and `linear_from` weights. Grids
    that only such a layer reads go away where no integer layer makes them: each costs two nodes and buys nothing.
    """
    graph, view = model.graph, View(model.graph)
    integer: set[str] = set()  # results of integer layers, with what follows them in their kernels
    for node in graph.node:
        if node.op_type in {"Relu", "QuantizeLinear", "DequantizeLinear"} and node.input[0] in integer:
            integer.add(node.output[0])
        if node.op_type not in {"Conv", "Gemm"} or view.made_by("DequantizeLinear", node.input[1]) is None:
            continue
        if _runs_in_integers(node, view, linear_from, depthwise):
            integer.add(node.output[0])
            continue
        for index in range(1, len(node.input)):
            node.input[index] = _as_float(graph, view, node.input[index])
        grid = view.made_by("DequantizeLinear", node.input[0])
        source = view.made_by("QuantizeLinear", grid.input[0]) if grid is not None else None
        if source is not None and node.input[0] not in integer and is_narrow(source, view):
            node.input[0] = source.input[0]
    drop_unused(graph)


def without_grids(model: onnx.ModelProto) -> None:
    """Round nothing and compute from float weights: the float twin of a quantized graph (one without branches)."""
    graph, view = model.graph, View(model.graph)
    for node in graph.node:
        node.input[:] = [_unrounded(graph, view, name) for name in node.input]
    drop_unused(graph)


def _unrounded(graph: onnx.GraphProto, view: View, name: str) -> str:
    """The tensor that a grid was laid over, or the float constant that stands on one."""
    grid = view.made_by("DequantizeLinear", name)
    if grid is None:
        return name
    source = view.made_by("QuantizeLinear", grid.input[0])
    return _unrounded(graph, view, source.input[0]) if source is not None else _as_float(graph, view, name)


def is_narrow(grid: onnx.NodeProto, view: View) -> bool:
    """Whether a QuantizeLinear is one of 8 bits: no kernel here computes on more."""
    zero = view.constant(grid.input[2])
    return zero is not None and zero.dtype.itemsize == 1


def _runs_in_integers(node: onnx.NodeProto, view: View, linear_from: int, depthwise: bool) -> bool:
    if not depthwise and any(item.name == "group" and item.i > 1 for item in node.attribute):
        return False
    before = view.made_by("DequantizeLinear", node.input[0])
    source = view.made_by("QuantizeLinear", before.input[0]) if before is not None else None
    if source is None or not is_narrow(source, view):
        return False
    if node.op_type == "Gemm":
        weight = view.producers[node.input[1]].input[0]
        return int(np.prod(view.constants[weight].dims)) >= linear_from
    after = view.readers.get(node.output[0], [])
    after = view.readers.get(after[0].output[0], []) if after and after[0].op_type == "Relu" else after
    return bool(after) and all(other.op_type == "QuantizeLinear" and is_narrow(other, view) for other in after)


def _as_float(graph: onnx.GraphProto, view: View, name: str) -> str:
    """The float constant that a DequantizeLinear of a constant stands for."""
    node = view.made_by("DequantizeLinear", name)
    if node is None:
        return name
    steps, scale = view.constant(node.input[0]), view.constant(node.input[1])
    assert steps is not None  # weights and biases are constants
    assert scale is not None
    scale = scale.reshape(-1, *[1] * (steps.ndim - 1)) if scale.ndim else scale  # one per output channel, or one
    return constant(graph, f"{name}.float", (steps * scale).astype(np.float32))


def store_integer_biases(model: onnx.ModelProto) -> None:
    """Biases of quantized layers become int32 in units of input scale x weight scale, as integer kernels add them.

    Without it ONNX Runtime keeps a last layer with float logits in float (its own pass wants a quantized output).
    """
    graph, view = model.graph, View(model.graph)
    added: list[onnx.NodeProto] = []
    for node in of_type(graph, "Conv", "Gemm"):
        data, weight = (view.made_by("DequantizeLinear", name) for name in node.input[:2])
        if data is None or weight is None or len(node.input) < 3:
            continue
        bias, data_scale, weight_scale = (view.constant(n) for n in (node.input[2], data.input[1], weight.input[1]))
        if bias is None or data_scale is None or weight_scale is None or bias.dtype != np.float32:
            continue
        name = node.input[2]
        scale = np.broadcast_to(data_scale * weight_scale, bias.shape).astype(np.float32)
        limits = np.iinfo(np.int32)
        steps = np.clip(np.rint(bias.astype(np.float64) / scale), limits.min, limits.max).astype(np.int32)
        inputs = [constant(graph, f"{name}.steps", steps), constant(graph, f"{name}.scale", scale)]
        added.append(helper.make_node("DequantizeLinear", inputs, [f"{name}.value"], axis=0))
        node.input[2] = f"{name}.value"
    set_nodes(graph, [*added, *graph.node])


def separate_zero_points(model: onnx.ModelProto) -> None:
    """Each weight gets a zero point of its own: OpenVINO keeps layers in float when several share one.

    Leaving symmetric ones out would be shorter, but then ONNX Runtime keeps its linear layers in float.
    """
    graph, view = model.graph, View(model.graph)
    for node in of_type(graph, "DequantizeLinear"):
        zero = view.constant(node.input[2]) if len(node.input) > 2 else None
        if zero is not None and node.input[0] in view.constants:
            node.input[2] = constant(graph, f"{node.input[0]}.zero", zero)
