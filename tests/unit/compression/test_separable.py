"""A separable substitute imitates its layer on what that layer really reads, as well as any could."""

import pytest
import torch
from torch import Tensor, nn

from bedside.compression.moments import Moments, read_by, second_moments
from bedside.compression.separable import imitation, separated
from bedside.errors import RefusedError
from bedside.models import Network
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork, ConvBlock
from bedside.models.edits.base import layer
from bedside.techniques.substitute import chosen
from bedside.training.batches import Batch
from bedside.training.stages import parameters
from tests.support.networks import INPUTS, cnn_lstm

WHOLE = CnnLstm(
    convolutions=(
        ConvBlock(channels=8, kernel=7, stride=2),
        ConvBlock(channels=12, kernel=5, stride=2),
        ConvBlock(channels=12, kernel=1),
    ),
    lstm=(6,),
    head=8,
)
SHAPE = Network.of(WHOLE, INPUTS, 4)
SECOND = "convolutions.1.conv"


def batches(count: int = 3) -> list[Batch]:
    generator = torch.Generator().manual_seed(0)
    walk = [torch.randn(16, 2, 120, generator=generator).cumsum(2) for _ in range(count)]
    inputs = [{"signal": signal, "rhythm": torch.randn(16, 7, generator=generator)} for signal in walk]
    return [Batch(each, torch.zeros(16, 4)) for each in inputs]


def fresh() -> CnnLstmNetwork:
    torch.manual_seed(0)
    return cnn_lstm(SHAPE).eval()


def moments(network: CnnLstmNetwork) -> Moments:
    return second_moments(network, [SECOND], batches())


def missed(whole: nn.Module, pair: nn.Module, read: Tensor) -> float:
    """Share of the energy of the layer's answers that the pair does not give."""
    with torch.no_grad():
        return float((whole(read) - pair(read)).square().sum() / whole(read).square().sum())


def read_by_second(network: CnnLstmNetwork) -> Tensor:
    with torch.no_grad():
        return torch.cat([network.convolutions[0](batch.inputs["signal"]) for batch in batches()])


def test_patches_times_weights_are_what_the_convolution_answers() -> None:
    convolution = nn.Conv1d(3, 4, 5, stride=2, padding=2, bias=False)
    signal = torch.randn(2, 3, 20)
    by_hand = read_by(convolution, signal) @ convolution.weight.flatten(1).T
    assert torch.allclose(by_hand, convolution(signal).transpose(1, 2).flatten(0, 1), atol=1e-6)


def test_a_layer_that_is_separable_is_imitated_exactly() -> None:
    network = fresh()
    with torch.no_grad():
        weight = network.get_parameter(f"{SECOND}.weight")
        weight.copy_(torch.randn(12, 8, 1) * torch.randn(1, 8, 5))
    same, _, lost = separated(network, moments(network), rounds=3)
    windows = batches(1)[0].inputs
    assert torch.allclose(same(**windows), network(**windows), atol=1e-4)
    assert lost[SECOND] < 1e-6


def test_the_reported_loss_is_the_one_on_real_inputs() -> None:
    network = fresh()
    result, _, lost = separated(network, moments(network), rounds=3)
    found = missed(layer(network, SECOND), layer(result, SECOND), read_by_second(network))
    assert lost[SECOND] == pytest.approx(found, rel=1e-2)


def test_imitating_on_real_inputs_loses_less_than_looking_at_the_weights_alone() -> None:
    network = fresh()
    whole, read = layer(network, SECOND), read_by_second(network)
    blind, _ = imitation(whole, torch.eye(40, dtype=torch.float64), rounds=0)
    moment = moments(network)[SECOND]
    fitted = [missed(whole, imitation(whole, moment, rounds)[0], read) for rounds in (0, 1, 10)]
    assert missed(whole, blind, read) > 1.1 * fitted[0]
    assert fitted[0] > fitted[1] > fitted[2]


def test_no_step_of_gradient_descent_improves_on_the_fit() -> None:
    network = fresh()
    whole, read = layer(network, SECOND), read_by_second(network)
    moment = moments(network)[SECOND]
    pair, _ = imitation(whole, moment, rounds=300)
    before = missed(whole, pair, read)
    optimizer = torch.optim.Adam(pair.parameters(), 1e-3)
    for _ in range(50):
        optimizer.zero_grad()
        ((pair(read) - whole(read).detach()) ** 2).mean().backward()
        optimizer.step()
    assert missed(whole, pair, read) > before * 0.99


def test_only_convolutions_that_get_smaller_are_replaced_and_spared_ones_never() -> None:
    first = "convolutions.0.conv"
    assert chosen(fresh(), SHAPE, spared=()) == [first, SECOND]  # a 1x1 convolution is mixing already
    assert chosen(fresh(), SHAPE, spared=("convolutions.0",)) == chosen(fresh(), SHAPE, spared=None) == [SECOND]
    assert chosen(fresh(), SHAPE, spared=(SECOND,)) == [first]
    with pytest.raises(RefusedError, match="spared: no layer 'first'"):
        chosen(fresh(), SHAPE, spared=("first",))


def test_the_new_shape_describes_the_new_network() -> None:
    network = fresh()
    result, edit, _ = separated(network, moments(network), rounds=1)
    SHAPE.edited(edit).network().load_state_dict(result.state_dict())
    assert parameters(network) - parameters(result) == 12 * 8 * 5 - (8 * 5 + 12 * 8)
