import numpy as np
import onnx
import pytest

from bedside.edge.on_onnxruntime import OnnxRuntimeRunner
from bedside.graph.operators import histogram
from bedside.graph.recurrent import quantize_dynamically, store_integer_weights
from tests.support.networks import exported, noise


def test_storing_integer_weights_changes_no_answer_of_a_network_trained_on_the_grid() -> None:
    before = exported("int8", 12, 8)
    model = onnx.load_from_string(before)
    assert store_integer_weights(model) == 2
    after = model.SerializeToString()
    assert len(after) < 0.75 * len(before)
    windows = noise(50)
    np.testing.assert_allclose(OnnxRuntimeRunner(after)(windows), OnnxRuntimeRunner(before)(windows), atol=1e-5)


def test_only_lstms_of_the_given_size_are_quantized_dynamically() -> None:
    model = onnx.load_from_string(exported("int8", 12, 8))
    assert quantize_dynamically(model, at_least=10) == 1
    operators = histogram(model.SerializeToString())
    assert operators["DynamicQuantizeLSTM"] == operators["LSTM"] == 1


@pytest.mark.parametrize("units", [(12,), (12, 8)])
def test_dynamic_quantization_stays_close_to_the_float_lstm(units: tuple[int, ...]) -> None:
    before = exported("int8", *units)
    model = onnx.load_from_string(before)
    assert quantize_dynamically(model, at_least=1) == len(units)
    windows = noise(50)
    found, expected = (OnnxRuntimeRunner(m)(windows) for m in (model.SerializeToString(), before))
    assert 0 < np.abs(found - expected).max() < 0.05
