"""Integer weights: the two forms in which a float layer of a quantized graph becomes small.

Weight only: int8 in the file, float in the kernel. Exact for weights that were trained on the grid, any runtime.
Dynamic: int8 in the kernel too, activations quantized per call; ONNX Runtime alone, and LSTMs alone.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from bedside.graph.surgery import Array, View, attribute, constant, drop_unused, of_type, set_nodes
from bedside.grid import rows_to_steps, stored_steps

VENDOR = "com.microsoft"
WEIGHTS = (1, 2)  # W and R among the inputs of ONNX's LSTM and GRU, each (direction, gates * units, inputs)
RECURRENT = ("LSTM", "GRU")
# Layers with float weights, and where these stand among their inputs.
STORED = {"LSTM": WEIGHTS, "GRU": WEIGHTS, "Conv": (1,), "FusedConv": (1,), "Gemm": (1,), "FusedGemm": (1,)}


def units(layer: onnx.NodeProto) -> int:
    """Hidden units of an LSTM node."""
    return int(attribute(layer, "hidden_size"))


def store_integer_weights(model: onnx.ModelProto) -> int:
    """Weight only: int8 initializers, turned into float when the runtime loads the graph; returns the layers changed.

    Cast and Mul, not DequantizeLinear: ONNX Runtime computes the former once, when loading, and the latter at every
    call. Cast through int32: an int8 Cast is what OpenVINO keeps for its compressed layers, which its LSTM is not.
    """
    graph, view = model.graph, View(model.graph)
    added: dict[str, list[onnx.NodeProto]] = {}
    layers = [n for n in of_type(graph, *STORED) if all(n.input[i] in view.constants for i in STORED[n.op_type])]
    for layer in layers:
        for index in STORED[layer.op_type]:
            name = layer.input[index]
            steps, scale = _rows(_value(view, name), layer.op_type)
            stored, scales = (constant(graph, f"{name}.{part}", v) for part, v in (("steps", steps), ("scale", scale)))
            added[name] = [
                helper.make_node("Cast", [stored], [f"{name}.wide"], to=TensorProto.INT32),
                helper.make_node("Cast", [f"{name}.wide"], [f"{name}.float"], to=TensorProto.FLOAT),
                helper.make_node("Mul", [f"{name}.float", scales], [f"{name}.value"]),
            ]
            layer.input[index] = f"{name}.value"
    set_nodes(graph, [*(node for nodes in added.values() for node in nodes), *graph.node])
    drop_unused(graph)
    return len(layers)


def _rows(weight: Array, operator: str) -> tuple[Array, Array]:
    """int8 values, and scales that multiply them, one per output: (1, gates * units, 1), (channels, 1, 1), ..."""
    flat = weight if operator in RECURRENT else weight.reshape(len(weight), -1)
    steps, scale = stored_steps(flat)
    aligned = scale[..., None] if operator in RECURRENT else scale.reshape(-1, *[1] * (weight.ndim - 1))
    return steps.reshape(weight.shape), aligned


def quantize_dynamically(model: onnx.ModelProto, at_least: int) -> int:
    """Dynamic: every LSTM of `at_least` units becomes ONNX Runtime's DynamicQuantizeLSTM; returns how many did."""
    graph, view = model.graph, View(model.graph)
    nodes, changed = list(graph.node), 0
    for index, node in enumerate(nodes):
        if node.op_type == "LSTM" and units(node) >= at_least and all(node.input[i] in view.constants for i in WEIGHTS):
            nodes[index], changed = _dynamic(graph, view, node), changed + 1
    set_nodes(graph, nodes)
    if changed and all(entry.domain != VENDOR for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(VENDOR, 1))
    drop_unused(graph)
    return changed


def _dynamic(graph: onnx.GraphProto, view: View, layer: onnx.NodeProto) -> onnx.NodeProto:
    optional = [*layer.input[3:], *[""] * 5][:5]  # bias, lengths, initial_h, initial_c, peepholes
    weights, grids = [], []
    for index in WEIGHTS:
        name = layer.input[index]
        steps, scale = rows_to_steps(_value(view, name))
        weights.append(constant(graph, f"{name}.steps", steps.transpose(0, 2, 1)))
        grids.append(constant(graph, f"{name}.scale", scale))
        grids.append(constant(graph, f"{name}.zero", np.zeros(scale.shape, np.int8)))
    kept: dict[str, Any] = {a.name: helper.get_attribute_value(a) for a in layer.attribute if a.name != "layout"}
    inputs = [layer.input[0], *weights, *optional, *grids]
    return helper.make_node("DynamicQuantizeLSTM", inputs, list(layer.output), domain=VENDOR, **kept)


def _value(view: View, name: str) -> Array:
    value = view.constant(name)
    assert value is not None  # the callers take only LSTMs with constant weights
    return value
