"""A network is rebuilt from its words and its weights, and its quantized twin stays close to it."""

from pathlib import Path

import pytest
import torch

from bedside.errors import RefusedError
from bedside.models import Network, load
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork, ConvBlock
from bedside.models.edits.quantized import Quantized, quantized, settle
from bedside.models.fake_quant import (
    ActivationQuantizer,
    QuantizedLSTM,
    QuantizedRecurrent,
    quantize_weight,
    weight_scales,
)
from bedside.models.finite import not_finite
from tests.support.networks import INPUTS, cnn_lstm, model_artifact, noise, tensors

BASE = CnnLstm(
    convolutions=(ConvBlock(channels=8, kernel=7, stride=2), ConvBlock(channels=8, kernel=3)), lstm=(8, 8), head=8
)
SHAPE = Network.of(BASE, INPUTS, 4)
WINDOWS = tensors(noise(5))


def fresh(seed: int = 0) -> CnnLstmNetwork:
    torch.manual_seed(seed)
    return cnn_lstm(SHAPE).eval()


def stored(network: torch.nn.Module, shape: Network, path: Path) -> torch.nn.Module:
    return load(model_artifact(path, network, shape))


def on_grids(network: torch.nn.Module) -> list[torch.Tensor]:
    """The weights of LSTM and GRU that settle on a grid."""
    layers = [module for module in network.modules() if isinstance(module, QuantizedRecurrent)]
    return [weight.detach() for layer in layers for weight in layer.weights()]


def test_without_lstm_the_head_reads_every_instant() -> None:
    network = cnn_lstm(Network.of(BASE.model_copy(update={"lstm": ()}), INPUTS, 4)).eval()
    read = WINDOWS["signal"]
    for block in network.convolutions:
        read = block(read)
    joined = torch.cat([read.flatten(1), WINDOWS["rhythm"]], 1)
    expected = network.output(torch.relu(network.hidden(joined)))
    assert torch.allclose(network(**WINDOWS), expected, atol=1e-6)


@pytest.mark.parametrize("inputs", [{"signal": (3, 40), "rhythm": (2,)}, {"eeg": (5, 40)}, {"a": (2,), "b": (1, 40)}])
def test_a_shape_is_fitted_to_the_windows_it_will_read(inputs: dict[str, tuple[int, ...]]) -> None:
    network = Network.of(BASE, inputs, 5).network().eval()
    assert network(**{name: torch.zeros(4, *shape) for name, shape in inputs.items()}).shape == (4, 5)


@pytest.mark.parametrize("inputs", [{"a": (2, 40), "b": (2, 40)}, {"image": (3, 8, 8)}, {"features": (7,)}])
def test_windows_without_one_signal_are_refused(inputs: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(RefusedError, match=r"a cnn_lstm reads one input of \(channel, time\) and any of \(feature,\)"):
        Network.of(BASE, inputs, 5)


def test_a_saved_network_answers_as_before(tmp_path: Path) -> None:
    network = fresh()
    assert torch.equal(stored(network, SHAPE, tmp_path / "m")(**WINDOWS), network(**WINDOWS))


def test_a_saved_quantized_network_answers_as_before(tmp_path: Path) -> None:
    network = quantized(fresh(), INPUTS)
    network.train()
    network(**WINDOWS)
    settle(network)
    network.eval()
    again = stored(network, SHAPE.edited(Quantized()), tmp_path / "m")
    assert torch.equal(again(**WINDOWS), network(**WINDOWS))


def test_the_quantized_network_is_close_to_the_float_one_and_not_equal() -> None:
    network = quantized(fresh(), INPUTS)
    network.train()
    network(**tensors(noise(64)))
    network.eval()
    difference = (network(**WINDOWS) - fresh()(**WINDOWS)).abs().max()
    assert 0 < difference < 0.05


def test_settled_lstm_weights_lie_on_their_grid() -> None:
    network = quantized(fresh(), INPUTS)
    settle(network)
    assert len(on_grids(network)) == 4
    for weight in on_grids(network):
        steps = weight / weight_scales(weight)[:, None]
        assert torch.allclose(steps, steps.round(), atol=1e-3)
        assert steps.abs().max() <= 127.001


def test_settling_twice_changes_nothing() -> None:
    network = quantized(fresh(), INPUTS)
    settle(network)
    once = [weight.clone() for weight in on_grids(network)]
    settle(network)
    assert all(torch.allclose(a, b, atol=1e-7) for a, b in zip(once, on_grids(network), strict=True))


def test_rounding_lets_gradients_through() -> None:
    weight = torch.randn(4, 3, requires_grad=True)
    quantize_weight(weight, weight_scales(weight)).sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.ones(4, 3))


def test_an_activation_range_always_holds_zero() -> None:
    grid = ActivationQuantizer().train()
    grid(torch.tensor([2.0, 4.0]))
    grid.eval()
    assert grid(torch.tensor([0.0])).item() == 0.0
    assert abs(grid(torch.tensor([3.0])).item() - 3.0) < 4 / 255


def test_a_range_in_training_follows_what_it_sees_by_its_momentum() -> None:
    grid = ActivationQuantizer(momentum=0.05).train()
    grid(torch.tensor([0.0, 1.0]))
    grid(torch.tensor([0.0, 3.0]))
    assert float(grid.high) == pytest.approx(1 + 0.05 * 2)


def test_an_lstm_trains_with_the_rounded_weights_that_it_will_keep() -> None:
    torch.manual_seed(0)
    layer, values = QuantizedLSTM(4, 8, batch_first=True), torch.randn(2, 5, 4)
    trained, unrounded = layer.train()(values)[0].detach(), layer.eval()(values)[0].detach()
    layer.settle()
    assert torch.allclose(trained, layer(values)[0], atol=1e-6)
    assert not torch.allclose(trained, unrounded, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden.weight", torch.nan),
        ("hidden.weight", torch.inf),
        ("hidden.weight", -torch.inf),
        ("convolutions.1.norm.running_mean", torch.nan),
        ("convolutions.1.norm.running_var", torch.inf),
    ],
)
def test_a_network_that_is_not_finite_is_not_saved(tmp_path: Path, name: str, value: float) -> None:
    network = fresh()
    network.state_dict()[name].view(-1)[:2] = value
    with pytest.raises(RefusedError, match=rf"cnn_lstm holds 2 values that are not finite \(in {name} first\)"):
        stored(network, SHAPE, tmp_path / "model")


def test_a_mask_of_minus_infinity_is_no_fault() -> None:
    network = fresh()
    network.register_buffer("mask", torch.full((3, 3), -torch.inf).triu(1))
    assert not_finite(network) is None
    network.register_buffer("mask", torch.full((3, 3), torch.inf).triu(1))
    assert not_finite(network) == "3 values that are not finite (in mask first)"


def test_an_activation_that_is_not_a_number_has_no_grid() -> None:
    with pytest.raises(RefusedError, match="has an activation between nan and nan, which no grid holds"):
        ActivationQuantizer().train()(torch.tensor([1.0, torch.nan]))
