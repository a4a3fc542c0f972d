"""OpenVINO on a CPU: reads the QDQ graph as it is; the LSTM computes in float from int8 weights."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from bedside.edge.options import FLOAT32
from bedside.graph.canonical import canonical_bytes
from bedside.graph.operators import histogram
from bedside.graph.quantized import compute_in_float, is_quantized
from bedside.graph.reading import model_of
from bedside.graph.recurrent import store_integer_weights
from bedside.targets.base import Target

COMPUTING = frozenset({"Convolution", "FullyConnected", "MatMul", "RNNSeq", "RNNCell"})
LINEAR = ("_Gemm", "_MatMul")  # how the canonical names of linear layers end: `12_Gemm`
INTEGERS = frozenset({"u8", "i8"})
PASSIVE = frozenset({"Input", "Output", "Const"})
FACTS = ("layerType", "runtimePrecision", "originalLayersNames")


class OpenVino(Target):
    """OpenVINO fuses when it loads the model: its file stays plain ONNX."""

    runtime: ClassVar[str] = "openvino"
    kind: Literal["openvino"] = "openvino"

    @property
    def options(self) -> Mapping[str, str]:
        return FLOAT32

    def compiled(self, graph: bytes) -> bytes:
        model = model_of(graph)
        if is_quantized(model):
            compute_in_float(model, depthwise=False)  # 2026.x never ends compiling an int8 one of 15 taps
            store_integer_weights(model)
        return canonical_bytes(model)

    def audited(self, graph: bytes, optimized: bytes) -> dict[str, Any]:
        from bedside.edge.on_openvino import OpenVinoRunner

        layers = OpenVinoRunner(optimized, self.threads).compiled(batch=1).get_runtime_model().get_ordered_ops()
        executed = [{key: layer.get_rt_info()[key].astype(str) for key in FACTS} for layer in layers]
        executed = [facts for facts in executed if facts["layerType"] not in PASSIVE]
        computing = [facts for facts in executed if _computes(facts)]
        return {
            "operators_before": histogram(graph),
            "operators_after": _count(executed),
            "fused": {_label(f): f["originalLayersNames"] for f in executed if "," in f["originalLayersNames"]},
            "integer_operators": _count([facts for facts in computing if facts["runtimePrecision"] in INTEGERS]),
            "float_operators": _count([facts for facts in computing if facts["runtimePrecision"] not in INTEGERS]),
        }


def _computes(facts: dict[str, str]) -> bool:
    """Whether this layer multiplies weights; small linear layers hide in a `Subgraph`."""
    names = facts["originalLayersNames"].replace("/", ",").split(",")
    return facts["layerType"] in COMPUTING or any(name.endswith(LINEAR) for name in names)


def _label(facts: dict[str, str]) -> str:
    return f"{facts['layerType']} ({facts['runtimePrecision']})"


def _count(executed: list[dict[str, str]]) -> dict[str, int]:
    return dict(sorted(Counter(_label(facts) for facts in executed).items()))
