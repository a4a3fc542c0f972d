"""Constants: whatever can be computed once is computed here, so that the file holds results and not recipes."""

import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from bedside.graph.surgery import View, drop_unused, set_nodes

# Folding it would turn int8 weights back into float ones, and hide from every runtime that they are integers.
KEPT = frozenset({"DequantizeLinear"})


def fold_constants(model: onnx.ModelProto) -> None:
    """Replace every node whose inputs are all constant by its value.

    Quantized weights become int8 initializers (the exporter writes float weights and a QuantizeLinear); the weights of
    an LSTM become plain initializers (it writes slices and concatenations, which hide them from dynamic quantization).
    """
    graph = model.graph
    known = View(graph).constants
    kept: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type in KEPT or not node.input or any(name not in known for name in node.input):
            kept.append(node)
            continue
        values = {name: numpy_helper.to_array(known[name]) for name in node.input}
        for name, value in zip(node.output, ReferenceEvaluator(node).run(None, values), strict=True):
            known[name] = numpy_helper.from_array(value, name)
    set_nodes(graph, kept)
    del graph.initializer[:]
    graph.initializer.extend(known.values())
    drop_unused(graph)
