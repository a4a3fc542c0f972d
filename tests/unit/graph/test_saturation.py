"""Whether a file can saturate is read from its bytes, in every form that integer weights take."""

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from bedside.graph.saturation import pairs
from bedside.targets import Target
from bedside.targets.onnxruntime import OnnxRuntime
from bedside.targets.openvino import OpenVino
from tests.support.networks import exported, full_grid

EVERYTHING = OnnxRuntime(integer_linear_from=1, dynamic_lstm_from=1)
FITS = np.array([[127, 1, -127, -1], [64, 64, -64, -64]], np.int8)  # (output, input)
LEAVES = np.array([[127, 1, -127, -1], [64, 65, 0, 0]], np.int8)


def model(node: onnx.NodeProto, **constants: Any) -> onnx.ModelProto:
    """One layer and its constants."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, None)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        tensors,
    )
    return helper.make_model(graph)


def linear(weight: NDArray[np.generic]) -> onnx.ModelProto:
    return model(helper.make_node("MatMulInteger", ["x", "w"], ["y"]), w=weight.T)


def convolution(weight: NDArray[np.generic]) -> onnx.ModelProto:
    names = ["x", "s", "z", "w", "s", "z", "s", "z"]
    node = helper.make_node("QLinearConv", names, ["y"])
    return model(node, s=np.float32(1), z=np.uint8(0), w=weight.reshape(2, 2, 2))


def gemm(weight: NDArray[np.generic]) -> onnx.ModelProto:
    names = ["x", "s", "z", "w", "s", "z"]
    node = helper.make_node("QGemm", names, ["y"], domain="com.microsoft", transB=1)
    return model(node, s=np.float32(1), z=np.uint8(0), w=weight)


def lstm(weight: NDArray[np.generic]) -> onnx.ModelProto:
    node = helper.make_node("DynamicQuantizeLSTM", ["x", "w", "r"], ["y"], domain="com.microsoft", hidden_size=1)
    return model(node, w=weight.T[None], r=FITS.T[None])


@pytest.mark.parametrize("build", [linear, convolution, gemm, lstm])
def test_two_weights_of_a_row_that_leave_16_bits_are_found(build) -> None:  # type: ignore[no-untyped-def]
    assert pairs(build(FITS))["safe"]
    found = pairs(build(LEAVES))
    assert not found["safe"]
    assert max(found["layers"].values()) == 129


def test_rows_are_outputs_and_not_inputs() -> None:
    weight = np.array([[100], [100], [100]], np.int8)  # three outputs of one input: nothing is added
    assert pairs(linear(weight))["layers"] == {"y": 100}


def test_weights_that_are_computed_or_unsigned_are_not_proven_safe() -> None:
    computed = helper.make_node("MatMulInteger", ["x", "elsewhere"], ["y"])
    assert pairs(model(computed))["unknown"] == ["y: weights are computed"]
    assert pairs(linear(FITS.astype(np.uint8)))["unknown"] == ["y: weights are uint8"]
    assert not pairs(model(computed))["safe"]


@pytest.mark.parametrize("target", [OnnxRuntime(), EVERYTHING, OpenVino()], ids=["default", "everything", "openvino"])
@pytest.mark.parametrize("units", [(), (12,), (48,)])
def test_what_is_quantized_here_is_proven_safe_on_every_target(target: Target, units: tuple[int, ...]) -> None:
    found = target.optimize(exported("int8", *units))[1]["pairs"]
    assert found["safe"]
    assert found["exact_kernels"] is None
    assert len(found["layers"]) >= 2
    assert set(found["layers"].values()) <= set(range(100, 129))


def test_a_file_on_the_full_int8_grid_is_not() -> None:
    graph = full_grid(exported("int8", 12))
    for target in (OnnxRuntime(), OpenVino()):
        found = target.optimize(graph)[1]["pairs"]
        assert not found["safe"]
        assert max(found["layers"].values()) > 128
    assert OnnxRuntime(exact_integers=True).optimize(graph)[1]["pairs"]["exact_kernels"]


def test_a_float_graph_has_nothing_that_could_saturate() -> None:
    found = OnnxRuntime().optimize(exported("fp32", 12))[1]["pairs"]
    assert (found["layers"], found["safe"]) == ({}, True)
