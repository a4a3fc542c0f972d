"""QDQ graphs: what quantization looks like in ONNX, and the forms that make integer kernels out of it."""

import numpy as np
import onnx
from onnx import helper

from bedside.graph.surgery import View, constant, of_type, set_nodes


def is_quantized(model: onnx.ModelProto) -> bool:
    """Whether anything in the graph computes on 8-bit activations."""
    return bool(of_type(model.graph, "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QGemm"))


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
