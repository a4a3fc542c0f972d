"""Which operators a graph consists of, and which of those that compute do so in integers."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bedside.graph.reading import model_of
from bedside.graph.surgery import with_branches

INTEGER = frozenset(
    {
        *("QLinearConv", "QGemm", "QLinearMatMul", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat"),
        *("DynamicQuantizeMatMul", "DynamicQuantizeLSTM"),
        *("QLinearAdd", "QLinearMul", "QLinearConcat", "QLinearAveragePool", "QLinearGlobalAveragePool"),
    }
)
FLOAT = frozenset({"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "LSTM", "GRU", "RNN"})
FUSED = {
    "FusedConv": "Conv + Relu",
    "FusedGemm": "Gemm + Relu",
    "QLinearConv": "DequantizeLinear + Conv + Relu + QuantizeLinear",
    "QGemm": "DequantizeLinear + Gemm + Relu + QuantizeLinear",
    "DynamicQuantizeLSTM": "LSTM with int8 weights, activations quantized per call",
}


def histogram(model: bytes) -> dict[str, int]:
    """How often each operator occurs, by name, in branches too."""
    graphs = with_branches(model_of(model).graph)
    counts = Counter(node.op_type for graph in graphs for node in graph.node)
    return dict(sorted(counts.items()))


def audit(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, Any]:
    """What the runtime made of a graph: what fused, what computes in integers and what in float."""
    return {
        "operators_before": dict(before),
        "operators_after": dict(after),
        "fused": {name: f"{after[name]} x ({FUSED[name]})" for name in after if name in FUSED},
        "integer_operators": {name: count for name, count in after.items() if name in INTEGER},
        "float_operators": {name: count for name, count in after.items() if name in FLOAT},
    }
