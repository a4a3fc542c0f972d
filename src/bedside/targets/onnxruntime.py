"""ONNX Runtime on a CPU: static int8 convolutions and linears, and the LSTM in the form that is faster at its size."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import pydantic

from bedside.edge.options import EXACT_INTEGERS
from bedside.graph.canonical import canonical_bytes
from bedside.graph.operators import audit, histogram
from bedside.graph.quantized import compute_in_float, is_quantized
from bedside.graph.reading import model_of
from bedside.graph.recurrent import quantize_dynamically, store_integer_weights
from bedside.graph.rewrites import convolve_in_two_dimensions
from bedside.targets.base import Target


class OnnxRuntime(Target):
    """What runs in int8 is what int8 makes faster; the rest computes in float from int8 weights.

    Crossovers, measured on one core with AVX-512 VNNI at batch 1 (p50 of the whole network, float / int8, in us).
    LSTM: 16 units 17.8 / 19.9, 32: 20.0 / 21.3, 48: 24.7 / 23.2, 64: 29.6 / 25.4, 128: 61.8 / 41.1. Linear layer:
    39 x 32 weights 3.5 / 4.5, 263 x 128: 4.8 / 5.4, 263 x 256: 6.3 / 6.5, 519 x 512: 18.0 / 10.4.
    """

    runtime: ClassVar[str] = "onnxruntime"
    kind: Literal["onnxruntime"] = "onnxruntime"
    dynamic_lstm_from: int = pydantic.Field(default=48, gt=0, description="units from which an LSTM runs in int8")
    integer_linear_from: int = pydantic.Field(default=2**17, gt=0, description="weights from which a linear layer does")
    exact_integers: bool = pydantic.Field(
        default=False, description="ask for kernels that cannot saturate: for int8 weights on a grid that could"
    )

    @property
    def options(self) -> Mapping[str, str]:
        return EXACT_INTEGERS if self.exact_integers else {}

    @property
    def exact_kernels(self) -> str | None:
        return "session.x64quantprecision=1" if self.exact_integers else None

    def compiled(self, graph: bytes) -> bytes:
        model = model_of(graph)
        quantized = is_quantized(model)
        if quantized:
            compute_in_float(model, self.integer_linear_from)
            quantize_dynamically(model, self.dynamic_lstm_from)
        convolve_in_two_dimensions(model)
        model = model_of(_fused(model.SerializeToString(), "ORT_ENABLE_EXTENDED"))
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
