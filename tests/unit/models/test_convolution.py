"""Dilated and causal convolutions: they walk as they say, in every form that a technique gives them."""

import itertools

import pytest
import torch
from torch import nn

from bedside.compression.pruning.cost import macs
from bedside.graph.complexity import complexity
from bedside.graph.export import export
from bedside.models import Network
from bedside.models.cnn_lstm import CnnLstm, ConvBlock
from bedside.models.convolution import CausalConv1d, Walk, convolution, walk
from bedside.models.edits.low_rank import low_rank
from bedside.models.edits.quantized import quantized
from bedside.models.edits.separable import depthwise_pointwise
from bedside.models.fake_quant import QuantizedConvolution, on_grid
from tests.support.networks import INPUTS, noise, tensors

BLOCKS = [
    ConvBlock(channels=3, kernel=kernel, stride=stride, dilation=dilation, causal=causal)
    for kernel, stride, dilation, causal in itertools.product((1, 4, 5), (1, 3), (1, 4), (False, True))
]


def described(block: ConvBlock) -> str:
    return f"kernel-{block.kernel}-stride-{block.stride}-dilation-{block.dilation}{'-causal' * block.causal}"


every_block = pytest.mark.parametrize("block", BLOCKS, ids=described)


def layer(block: ConvBlock, inputs: int = 2) -> nn.Conv1d:
    torch.manual_seed(0)
    return convolution(inputs, block.channels, block.walk)


def forms(block: ConvBlock) -> dict[str, nn.Module]:
    """The layer, and what quantization, factorization and substitution put in its place."""
    whole = layer(block)
    rounded = on_grid(whole)
    assert isinstance(rounded, QuantizedConvolution)
    return {
        "whole": whole,
        "quantized": rounded,
        "factors": low_rank(whole, 1),
        "separable": depthwise_pointwise(whole),
    }


def shape_of(*blocks: ConvBlock, lstm: tuple[int, ...] = ()) -> Network:
    return Network.of(CnnLstm(convolutions=blocks, lstm=lstm, head=4), INPUTS, 4)


@every_block
def test_every_form_of_it_has_the_length_that_the_shape_says(block: ConvBlock) -> None:
    assert {name: made(torch.zeros(1, 2, 50)).shape[2] for name, made in forms(block).items()} == dict.fromkeys(
        forms(block), block.walk.length(50)
    )
    assert shape_of(block, block).network()(**tensors(noise(2))).shape == (2, 4)


@every_block
def test_an_answer_is_the_kernel_times_the_patch_that_it_reads(block: ConvBlock) -> None:
    whole, signal = layer(block), torch.randn(4, 2, 50)
    patches = walk(whole).patches(signal)
    assert walk(whole) == block.walk
    answers = torch.einsum("bctk,ock->bot", patches, whole.weight) + whole.bias[:, None]  # type: ignore[index]
    assert torch.allclose(whole(signal), answers, atol=1e-5)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.causal], ids=described)
def test_no_form_of_a_causal_one_reads_a_sample_after_its_own(block: ConvBlock) -> None:
    signal = torch.randn(1, 2, 50)
    later = signal.clone()
    later[:, :, 25:] += 10
    before = (25 + block.stride - 1) // block.stride  # answers whose own sample is one of the first 25
    for name, made in forms(block).items():
        first, second = made.eval()(signal), made(later)
        assert torch.equal(first[:, :, :before], second[:, :, :before]), name
        assert not torch.equal(first[:, :, before:], second[:, :, before:]), name


def test_a_convolution_around_its_sample_is_no_causal_one() -> None:
    signal = torch.randn(1, 2, 50)
    later = signal.clone()
    later[:, :, 25:] += 10
    whole = layer(ConvBlock(channels=3, kernel=5, dilation=4))
    assert not torch.equal(whole(signal)[:, :, :25], whole(later)[:, :, :25])


def test_dilation_reaches_further_with_the_same_weights() -> None:
    assert Walk(3, dilation=4).span == 9
    near, far = (layer(ConvBlock(channels=3, kernel=3, dilation=dilation)) for dilation in (1, 4))
    assert near.weight.shape == far.weight.shape


def test_a_block_that_does_neither_is_the_convolution_it_always_was_and_written_as_ever() -> None:
    block = ConvBlock(channels=8, kernel=7, stride=2)
    assert block.model_dump() == {"channels": 8, "kernel": 7, "stride": 2}
    assert type(layer(block)) is nn.Conv1d
    assert ConvBlock.model_validate({"channels": 8, "kernel": 7, "stride": 2, "dilation": 1, "causal": False}) == block


def test_a_block_that_does_is_written_with_what_it_does_and_read_again() -> None:
    block = ConvBlock(channels=8, kernel=7, dilation=2, causal=True)
    assert block.model_dump() == {"channels": 8, "kernel": 7, "stride": 1, "dilation": 2, "causal": True}
    assert ConvBlock.model_validate(block.model_dump()) == block
    assert isinstance(layer(block), CausalConv1d)


def test_names_of_its_weights_are_those_of_any_other() -> None:
    plain, causal = (
        shape_of(ConvBlock(channels=4, kernel=5, causal=causal), lstm=(3,)).network() for causal in (False, True)
    )
    assert plain.state_dict().keys() == causal.state_dict().keys()
    both = (quantized(network, INPUTS).state_dict().keys() for network in (plain, causal))
    assert len({tuple(names) for names in both}) == 1


def test_its_cost_is_that_of_its_graph() -> None:
    network = shape_of(BLOCKS[-1], BLOCKS[-3], BLOCKS[-2], lstm=(5,)).network().eval()
    assert macs(network, INPUTS).whole == complexity(export(network, INPUTS))["macs"]
