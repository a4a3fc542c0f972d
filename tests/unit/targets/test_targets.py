import hashlib
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from bedside.edge.runner import rows
from bedside.errors import RefusedError
from bedside.graph.export import export
from bedside.graph.surgery import constant, set_nodes
from bedside.targets import Target
from bedside.targets.onnxruntime import OnnxRuntime
from bedside.targets.openvino import OpenVino
from tests.support.networks import INPUTS, Kind, exported, int8_network, noise

ROOT = Path(__file__).parents[3]
TARGETS: dict[str, Target] = {"onnxruntime": OnnxRuntime(), "openvino": OpenVino()}
each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())


def test_every_target_of_the_family_is_tried_here() -> None:
    assert set(Target.family()) == set(TARGETS)


@each_target
@pytest.mark.parametrize("kind", ["fp32", "int8"])
def test_the_optimized_file_answers_as_the_exported_one(target: Target, kind: Kind) -> None:
    graph = exported(kind, 12)
    optimized, _ = target.optimize(graph)
    windows = noise(40)
    expected = OnnxRuntime().session(graph)(windows)
    runner = target.session(optimized)
    np.testing.assert_allclose(runner(windows), expected, atol=2e-2 if kind == "int8" else 1e-5)
    assert runner(rows(windows, slice(1))).shape == (1, 4)


@each_target
def test_a_bound_call_runs_on_what_the_arrays_hold_now(target: Target) -> None:
    runner = target.session(target.optimize(exported("int8", 12))[0])
    windows = noise(1)
    call = runner.bound(windows)
    first = np.array(call())
    np.testing.assert_allclose(first, runner(windows), atol=1e-6)
    windows["signal"][:] = noise(1, seed=5)["signal"]
    assert np.abs(np.array(call()) - first).max() > 1e-3


@each_target
def test_optimizing_twice_writes_the_same_bytes(target: Target) -> None:
    code = (
        "import hashlib, sys; from bedside.targets import Target; "
        f"file, _ = Target.build({{'kind': {target.kind!r}}}).optimize(sys.stdin.buffer.read()); "
        "print(hashlib.sha256(file).hexdigest())"
    )
    graph = exported("int8", 12)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, input=graph, capture_output=True, check=True)
    assert done.stdout.decode().strip() == hashlib.sha256(target.optimize(graph)[0]).hexdigest()


def test_onnx_runtime_runs_every_convolution_and_linear_layer_in_integers() -> None:
    _, audit = OnnxRuntime(integer_linear_from=1).optimize(exported("int8", 12))
    assert audit["integer_operators"] == {"QGemm": 2, "QLinearConv": 2}
    assert audit["float_operators"] == {"LSTM": 1}
    assert audit["operators_before"]["QuantizeLinear"] == 5
    assert audit["operators_after"]["QuantizeLinear"] == 2  # the signal, and what joins the head


def test_onnx_runtime_quantizes_large_lstms_dynamically_and_small_ones_by_weight() -> None:
    graph = exported("int8", 12)
    small, large = (
        OnnxRuntime().optimize(graph),
        OnnxRuntime(dynamic_lstm_from=12, integer_linear_from=1).optimize(graph),
    )
    assert "DynamicQuantizeLSTM" not in small[1]["operators_after"]
    assert large[1]["integer_operators"] == {"DynamicQuantizeLSTM": 1, "QGemm": 2, "QLinearConv": 2}
    assert large[1]["float_operators"] == {}
    assert abs(len(small[0]) - len(large[0])) < 2000


@pytest.mark.parametrize(("units", "dynamic"), [(32, 0), (48, 1)])
def test_onnx_runtime_decides_by_itself_which_lstms_gain_from_integers(units: int, dynamic: int) -> None:
    _, audit = OnnxRuntime().optimize(exported("int8", units))
    assert audit["operators_after"].get("DynamicQuantizeLSTM", 0) == dynamic


def test_onnx_runtime_leaves_small_linear_layers_in_float_from_weights_stored_in_int8() -> None:
    optimized, audit = OnnxRuntime().optimize(exported("int8", 12))
    assert audit["integer_operators"] == {"QLinearConv": 2}
    assert audit["float_operators"] == {"FusedGemm": 1, "Gemm": 1, "LSTM": 1}
    assert audit["operators_after"]["QuantizeLinear"] == 1  # the signal: what joins the head is not rounded for it
    assert float_weights(optimized) == []


def float_weights(graph: bytes) -> list[tuple[int, ...]]:
    """Shapes of the float initializers with a weight's dimensions: two or more that are not one."""
    shapes = [tuple(t.dims) for t in onnx.load_from_string(graph).graph.initializer if t.data_type == 1]
    return [shape for shape in shapes if sum(size > 1 for size in shape) > 1]


def test_a_float_convolution_runs_in_two_dimensions_where_onnx_runtime_has_blocked_kernels() -> None:
    operators = OnnxRuntime().optimize(exported("fp32"))[1]["operators_after"]
    if platform.machine() == "x86_64":
        assert operators["ReorderOutput"] > 0  # out of NCHWc
    assert operators["Unsqueeze"] == 1
    assert "Squeeze" not in operators  # the head reads both alike


def widened(*units: int, bits: int) -> bytes:
    return export(int8_network(*units, bits=bits), INPUTS)


@each_target
@pytest.mark.parametrize("bits", [16, 32])
def test_what_promises_no_integers_may_run_in_float_and_says_so(target: Target, bits: int) -> None:
    graph = widened(12, bits=bits)
    optimized, audit = target.optimize(graph)
    assert audit["integer_operators"] == {}
    assert audit["activation_grids"] == ({"uint16": 5} if bits == 16 else {})
    assert "all layers in float32" in audit["numbers"]
    assert ("emulated" in audit["numbers"]) == (bits == 16)
    assert len(optimized) < 0.75 * len(target.optimize(exported("fp32", 12))[0])
    windows = noise(20)
    expected = OnnxRuntime().session(exported("fp32", 12))(windows)
    np.testing.assert_allclose(target.session(optimized)(windows), expected, atol=2e-2)


def test_openvino_runs_convolutions_in_integers_and_names_its_precisions() -> None:
    _, audit = OpenVino().optimize(exported("int8", 12))
    integers = audit["integer_operators"]
    assert integers["Convolution (u8)"] == 2
    assert len(integers) == 2  # and the linear layers, together or one by one: how they are called depends on the CPU
    assert {name.rpartition(" ")[2] for name in integers} <= {"(u8)", "(i8)"}
    assert audit["float_operators"] == {"RNNSeq (f32)": 1}


@each_target
def test_a_float_graph_fuses_and_is_not_quantized(target: Target) -> None:
    optimized, audit = target.optimize(exported("fp32", 12))
    assert audit["integer_operators"] == {}
    assert any("Relu" in what for what in audit["fused"].values())
    assert {t.data_type for t in onnx.load_from_string(optimized).graph.initializer} <= {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.INT64,
    }


@each_target
def test_the_optimized_file_holds_nothing_bound_to_this_machine(target: Target) -> None:
    model = onnx.load_from_string(target.optimize(exported("int8", 12))[0])
    assert {entry.domain for entry in model.opset_import} <= {"", "com.microsoft"}
    assert model.ByteSize() < 0.75 * len(exported("int8", 12))


@each_target
def test_a_quantized_graph_that_would_run_in_float_is_refused(target: Target) -> None:
    model = onnx.load_from_string(exported("fp32", 12))
    scale, zero = (
        constant(model.graph, name, value)
        for name, value in (("s", np.array(0.05, np.float32)), ("z", np.array(128, np.uint8)))
    )
    (first,) = [node for node in model.graph.node if "signal" in node.input]
    first.input[0] = "rounded"
    grid = [
        helper.make_node("QuantizeLinear", ["signal", scale, zero], ["steps"]),
        helper.make_node("DequantizeLinear", ["steps", scale, zero], ["rounded"]),
    ]
    set_nodes(model.graph, [*grid, *model.graph.node])
    with pytest.raises(RefusedError, match=r"would run all of it in float: .*Conv"):
        target.optimize(model.SerializeToString())
