import hashlib
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from bedside.edge.on_onnxruntime import OnnxRuntimeRunner
from bedside.errors import RefusedError
from bedside.graph.export import export
from bedside.graph.operators import histogram
from bedside.graph.parity import parity
from tests.support.networks import INPUTS, exported, float_network, int8_network, noise, tensors

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("units", [(12,), (12, 8)])
def test_a_float_graph_answers_as_the_network_does_at_any_batch_size(units: tuple[int, ...]) -> None:
    runner, network = OnnxRuntimeRunner(exported("fp32", *units)), float_network(*units)
    for batch in (1, 2, 9):
        windows = noise(batch, seed=batch)
        with torch.no_grad():
            expected = network(**tensors(windows)).numpy()
        np.testing.assert_allclose(runner(windows), expected, atol=1e-5)


def test_batch_norm_is_folded_and_an_lstm_is_one_operator_whose_last_state_is_read() -> None:
    assert histogram(exported("fp32", 12)) == {
        "Concat": 1,
        "Conv": 2,
        "Gemm": 2,
        "LSTM": 1,
        "Relu": 3,
        "Squeeze": 1,
        "Transpose": 1,
    }


def test_stacked_layers_are_joined_by_one_squeeze() -> None:
    operators = histogram(exported("fp32", 12, 8))
    assert operators["LSTM"] == operators["Squeeze"] == 2
    assert operators["Transpose"] == 1
    assert not operators.keys() & {"Reshape", "Expand", "Shape", "Slice", "Gather"}


def test_an_int8_graph_stores_integers_for_weights_and_biases() -> None:
    graph = onnx.load_from_string(exported("int8", 12)).graph
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    layers = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    computing = [node for node in graph.node if node.op_type in {"Conv", "Gemm"}]
    assert len(computing) == 4
    for node in computing:
        assert kinds[layers[node.input[1]].input[0]] == onnx.TensorProto.INT8
        assert kinds[layers[node.input[2]].input[0]] == onnx.TensorProto.INT32
    assert Counter(n.op_type for n in graph.node)["QuantizeLinear"] == 5  # signal, two convolutions, joined, hidden


def test_an_int8_graph_answers_as_the_fake_quantized_network_does() -> None:
    compared = parity(int8_network(12), exported("int8", 12), noise(300))
    assert compared["kind"] == "int8"
    assert compared["windows"] == 300
    assert compared["max_abs_difference"] < 0.02
    assert compared["label_changes"] <= 1


def test_parity_tells_another_network_apart() -> None:
    compared = parity(float_network(12, seed=1), exported("fp32", 12), noise(50))
    assert compared["max_abs_difference"] > 0.01
    assert compared["label_changes"] > 0


def test_parity_is_the_worst_window_not_the_average_of_many() -> None:
    network, windows = float_network(12), noise(200)

    class Odd(torch.nn.Module):
        """The same network, but for one window."""

        def forward(self, signal: torch.Tensor, rhythm: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = network(signal=signal, rhythm=rhythm)
            return logits + (signal[:, 0, :1] == 7.0)  # one more for every class: no answer changes

    windows["signal"][123, 0, 0] = 7.0
    compared = parity(Odd().eval(), export(network, INPUTS), windows)
    assert compared["max_abs_difference"] == pytest.approx(1.0, abs=1e-4)
    assert compared["label_changes"] == 0


def test_two_processes_write_the_same_bytes() -> None:
    code = (
        "import hashlib; from tests.support.networks import exported; "
        "print(hashlib.sha256(exported('int8', 12)).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    exported("fp32", 12)  # what the process exported before must not show
    assert done.stdout.strip() == hashlib.sha256(exported("int8", 12)).hexdigest()


def test_the_file_tells_nothing_about_what_made_it_and_where() -> None:
    file = exported("int8", 12)
    for trace in (b".py", b"torch", b"convolutions", b"namespace", str(ROOT).encode()):
        assert trace not in file
    model = onnx.load_from_string(file)
    assert not model.metadata_props
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)


def test_a_network_without_an_lstm_exports_too() -> None:
    class Linear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(sum(map(math.prod, INPUTS.values())), 4)

        def forward(self, signal: torch.Tensor, rhythm: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = self.layer(torch.cat([signal.flatten(1), rhythm], 1))
            return answer

    network = Linear()
    compared = parity(network, export(network, INPUTS), noise(10))
    assert compared["max_abs_difference"] < 1e-5


class Undecided(nn.Module):
    """Takes another path for some windows, by Python's own `if`."""

    def forward(self, signal: torch.Tensor, rhythm: torch.Tensor) -> torch.Tensor:
        return rhythm[:, :4] if signal.sum() > 0 else rhythm[:, 3:]


def test_a_network_that_torch_cannot_export_is_refused_in_one_sentence() -> None:
    with pytest.raises(RefusedError, match=r"^this network cannot be written as a graph \(.*\); write") as refused:
        export(Undecided(), INPUTS)
    assert "\n" not in str(refused.value)


class Masked(nn.Module):
    """Adds minus infinity where it must not look, as attention does."""

    mask: torch.Tensor

    def __init__(self, never: float) -> None:
        super().__init__()
        self.register_buffer("mask", torch.tensor([0.0, 0.0, 0.0, 0.0, never, never, never]))

    def forward(self, signal: torch.Tensor, rhythm: torch.Tensor) -> torch.Tensor:
        del signal
        return torch.softmax(rhythm + self.mask, dim=1)[:, :4]


def test_a_mask_of_minus_infinity_is_exported_and_any_other_infinity_is_not() -> None:
    graph = export(Masked(-torch.inf), INPUTS)
    assert np.isfinite(OnnxRuntimeRunner(graph)(noise(3))).all()
    with pytest.raises(RefusedError, match=r"holds weights that are not finite \(of Add\)"):
        export(Masked(torch.nan), INPUTS)
