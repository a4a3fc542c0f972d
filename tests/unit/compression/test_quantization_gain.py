"""The no-op check of int8 on real graphs: what is hardly smaller is refused; nothing is timed."""

import functools

import pytest
import torch

from bedside.compression.gain import IntegerGain, require_smaller
from bedside.errors import RefusedError
from bedside.graph.export import export
from bedside.models import Network
from bedside.models.cnn_lstm import CnnLstm, ConvBlock
from bedside.models.edits.quantized import grids, quantized, use
from bedside.targets.onnxruntime import OnnxRuntime
from tests.support.networks import INPUTS, noise, tensors


@functools.cache
def graphs(channels: int, stride: int, head: int = 32) -> dict[str, bytes]:
    """Exported fp32, int8 and weights-only graphs of a network without LSTM."""
    torch.manual_seed(0)
    blocks = tuple(ConvBlock(channels=channels, kernel=5, stride=s) for s in (stride, 2))
    network = Network.of(CnnLstm(convolutions=blocks, head=head), INPUTS, 4).network().eval()
    integers = quantized(network, INPUTS)
    with torch.no_grad():
        integers.train()(**tensors(noise(64)))
    result = {"fp32": export(network, INPUTS), "int8": export(integers, INPUTS)}
    use(integers, dict.fromkeys(grids(integers), 32))
    return {**result, "dynamic": export(integers, INPUTS)}


def test_wide_convolutions_gain_bytes_and_run_in_integers() -> None:
    made = graphs(128, 1)
    gain = require_smaller(made["fp32"], made["int8"], IntegerGain())
    assert gain["gain/bytes_saved"] > 0.6
    assert gain["gain/integer_operators"] == 3  # two convolutions, and the linear layer that reads every instant


def test_whether_int8_is_refused_depends_on_its_bytes_alone() -> None:
    made = graphs(8, 4)  # slower than its float parent: that is for each target's gate to say (G19)
    saved = [require_smaller(made["fp32"], made["int8"], IntegerGain(smaller=0)) for _ in range(2)]
    assert saved[0] == saved[1]


def test_integer_weights_alone_pass_and_say_that_they_run_in_float() -> None:
    made = graphs(8, 4, head=256)
    assert require_smaller(made["fp32"], made["dynamic"], IntegerGain())["gain/integer_operators"] == 0
    assert OnnxRuntime().optimize(made["dynamic"])[1]["numbers"] == (
        "int8 weights, no activation rounded beforehand, all layers in float32"
    )


def test_a_file_that_is_hardly_smaller_is_refused() -> None:
    made = graphs(8, 4)
    with pytest.raises(RefusedError, match="less than the 90% asked for"):
        require_smaller(made["fp32"], made["int8"], IntegerGain(smaller=0.9))
