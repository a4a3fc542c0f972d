"""ONNX Runtime on a CPU: static int8 convolutions and linears, and the LSTM in the form that is faster at its size."""

import tempfile
from pathlib import Path
from typing import Any, ClassVar, Literal

import onnx
import pydantic

from bedside.graph.canonical import canonical_bytes
from bedside.graph.operators import audit, histogram
from bedside.graph.quantized import is_quantized
from bedside.graph.recurrent import quantize_dynamically, store_integer_weights
from bedside.targets.base import Target


class OnnxRuntime(Target):
    """`dynamic_lstm_from`: units from which an LSTM runs in int8 (measured: slower below, its steps are too short)."""

    runtime: ClassVar[str] = "onnxruntime"
    kind: Literal["onnxruntime"] = "onnxruntime"
    dynamic_lstm_from: int = pydantic.Field(default=48, gt=0)

    def compiled(self, graph: bytes) -> bytes:
        model = onnx.load_from_string(graph)
        quantized = is_quantized(model)
        if quantized:
            quantize_dynamically(model, self.dynamic_lstm_from)
        model = onnx.load_from_string(_fused(model.SerializeToString(), "ORT_ENABLE_EXTENDED"))
        if quantized:
            store_integer_weights(model)  # after fusing, which would compute the float weights and keep those
        return canonical_bytes(model)

    def audited(self, graph: bytes, optimized: bytes) -> dict[str, Any]:
        return audit(histogram(graph), histogram(_fused(optimized, "ORT_ENABLE_ALL")))


def _fused(model: bytes, level: str) -> bytes:
    """ONNX Runtime's rewrite of a graph. EXTENDED runs anywhere; ALL is bound to this machine and only looked at."""
    import onnxruntime

    from bedside.edge.on_onnxruntime import rewritten

    with tempfile.TemporaryDirectory() as folder:
        return rewritten(model, getattr(onnxruntime.GraphOptimizationLevel, level), Path(folder) / "model.onnx")
