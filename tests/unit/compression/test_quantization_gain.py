"""The no-op check of int8 on real graphs: what is larger, slower or not in integers at all is refused."""

import functools

import pytest
import torch

from bedside.compression.gain import IntegerGain, require_smaller_and_no_slower, times_faster
from bedside.errors import RefusedError
from bedside.graph.export import export
from bedside.models.cnn_lstm import CnnLstm, ConvBlock
from bedside.models.quantized_cnn_lstm import quantized
from bedside.targets.onnxruntime import OnnxRuntime
from tests.support.networks import RHYTHM, SIGNAL, noise

QUICK = IntegerGain(windows=5, runs=150)


@functools.cache
def graphs(channels: int, stride: int, head: int = 32) -> dict[str, bytes]:
    """Exported fp32, int8 and weights-only graphs of a network without LSTM."""
    torch.manual_seed(0)
    blocks = tuple(ConvBlock(channels=channels, kernel=5, stride=s) for s in (stride, 2))
    shape = CnnLstm(convolutions=blocks, head=head)
    network = shape.network().eval()
    integers = quantized(network, shape)
    with torch.no_grad():
        integers.train()(*map(torch.from_numpy, noise(64)))
    result = {"fp32": export(network, SIGNAL, RHYTHM), "int8": export(integers, SIGNAL, RHYTHM)}
    integers.use(dict.fromkeys(integers.grids, 32))
    return {**result, "dynamic": export(integers, SIGNAL, RHYTHM)}


def test_wide_convolutions_gain_bytes_and_time() -> None:
    made = graphs(128, 1)
    gain = require_smaller_and_no_slower(made["fp32"], made["int8"], (SIGNAL, RHYTHM), QUICK)
    assert gain["gain/bytes_saved"] > 0.6
    assert gain["gain/times_faster"] > 1.2
    assert gain["gain/integer_operators"] == 3  # two convolutions, and the linear layer that reads every instant


def test_int8_that_is_slower_than_fp32_is_refused() -> None:
    made = graphs(8, 4)  # measured: about 1.4 times the p50 of its float parent
    with pytest.raises(RefusedError, match=r"slower than its float parent.*activations: dynamic"):
        require_smaller_and_no_slower(
            made["fp32"], made["int8"], (SIGNAL, RHYTHM), QUICK.model_copy(update={"smaller": 0})
        )


def test_the_same_network_with_integer_weights_alone_passes_and_says_that_it_runs_in_float() -> None:
    made = graphs(8, 4, head=256)
    gain = require_smaller_and_no_slower(
        made["fp32"], made["dynamic"], (SIGNAL, RHYTHM), QUICK.model_copy(update={"slower": 1.0})
    )
    assert gain["gain/integer_operators"] == 0
    assert OnnxRuntime().optimize(made["dynamic"])[1]["numbers"] == (
        "int8 weights, no activation rounded beforehand, all layers in float32"
    )


def test_a_file_that_is_hardly_smaller_is_refused() -> None:
    made = graphs(8, 4)
    with pytest.raises(RefusedError, match="less than the 90% asked for"):
        require_smaller_and_no_slower(
            made["fp32"], made["int8"], (SIGNAL, RHYTHM), QUICK.model_copy(update={"smaller": 0.9})
        )


def test_the_ratio_tells_which_of_two_real_graphs_is_faster() -> None:
    small, large = (OnnxRuntime().optimize(graphs(*size)["fp32"])[0] for size in ((8, 4), (128, 1)))
    assert times_faster(small, large, (SIGNAL, RHYTHM), QUICK) > 2
    assert times_faster(large, small, (SIGNAL, RHYTHM), QUICK) < 0.5
