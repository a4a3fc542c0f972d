"""Layers become two thin ones where their weights allow it, and stay whole where nothing would be gained."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bedside.artifacts import open_artifact
from bedside.compression.candidates import replaceable_layers, require_named
from bedside.compression.factorization import break_even, factorized, factors, matrix, rank_of, ranks
from bedside.compression.moments import Moments, energy, second_moments
from bedside.errors import RefusedError
from bedside.models import Network, load
from bedside.models.cnn_lstm import CnnLstm, ConvBlock
from bedside.models.edits.base import Edit, layer
from bedside.models.edits.low_rank import LowRank
from bedside.models.edits.separable import Separable
from bedside.training.batches import Batch
from bedside.training.stages import parameters
from tests.support.networks import INPUTS, cnn_lstm, model_artifact, noise, tensors

WHOLE = CnnLstm(
    convolutions=(ConvBlock(channels=8, kernel=7, stride=2), ConvBlock(channels=12, kernel=5)), lstm=(9, 10), head=11
)
SHAPE = Network.of(WHOLE, INPUTS, 4)
WINDOWS = tensors(noise(5))


def fresh() -> nn.Module:
    torch.manual_seed(0)
    return SHAPE.network().eval()


NAMES = replaceable_layers(fresh(), SHAPE)
SECOND = "convolutions.1.conv"


@torch.no_grad()
def of_rank(rank: int) -> nn.Module:
    """A network all of whose layers have exactly this rank."""
    network = fresh()
    for name in NAMES:
        left, values, right = torch.linalg.svd(matrix(layer(network, name)), full_matrices=False)
        weight = network.get_parameter(f"{name}.weight{'_ih_l0' * name.startswith('lstm')}")
        weight.copy_((left[:, :rank] * values[:rank] @ right[:rank]).reshape(weight.shape))
    return network


def moments(network: nn.Module) -> Moments:
    """Of correlated inputs, as real ones are: noise summed over time."""
    windows = tensors(noise(32))
    batch = Batch({**windows, "signal": windows["signal"].cumsum(2)}, torch.zeros(32, 4))
    return second_moments(network, NAMES, [batch])


def chosen(network: nn.Module, energy: float = 0.9, **given: int) -> dict[str, int]:
    return ranks(network, moments(network), energy, given)


def test_every_layer_but_the_last_is_a_candidate_until_it_is_a_pair() -> None:
    assert NAMES == ["convolutions.0.conv", SECOND, "lstm.0", "lstm.1", "hidden"]
    network, edit = factorized(fresh(), moments(fresh()), {SECOND: 2, "lstm.1": 3})
    assert replaceable_layers(network, SHAPE.edited(edit)) == ["convolutions.0.conv", "lstm.0", "hidden"]


def test_a_network_of_low_rank_answers_the_same_with_fewer_parameters() -> None:
    network = of_rank(2)
    smaller, edit = factorized(network, moments(network), dict.fromkeys(NAMES, 2))
    assert torch.allclose(smaller(**WINDOWS), network(**WINDOWS), atol=1e-4)
    assert parameters(smaller) < parameters(network)
    assert replaceable_layers(smaller, SHAPE.edited(edit)) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_at_full_rank_answers_as_before(name: str) -> None:
    network = fresh()
    whole = layer(network, name)
    same, _ = factorized(network, moments(network), {name: min(matrix(whole).shape)})
    assert torch.allclose(same(**WINDOWS), network(**WINDOWS), atol=1e-4)


def missed(whole: Tensor, pair: nn.Sequential, moment: Tensor) -> Tensor:
    return energy(whole.double() - matrix(pair[1]).double() @ matrix(pair[0]).double(), moment)


def test_for_inputs_in_all_directions_it_is_the_truncated_svd_of_the_weights() -> None:
    torch.manual_seed(1)
    whole, white = nn.Linear(12, 10), torch.eye(12, dtype=torch.float64)
    expected = torch.linalg.svdvals(matrix(whole).double())[3:].square().sum()  # Eckart and Young
    assert torch.isclose(missed(matrix(whole), factors(whole, white, 3), white), expected, rtol=1e-5)


def test_on_what_a_layer_really_reads_it_misses_less_than_the_svd_of_the_weights() -> None:
    network = fresh()
    whole, moment = layer(network, SECOND), moments(network)[SECOND]
    fitted, blind = factors(whole, moment, 3), factors(whole, torch.eye(40, dtype=torch.float64), 3)
    assert missed(matrix(whole), fitted, moment) < 0.8 * missed(matrix(whole), blind, moment)


def test_the_energy_that_is_kept_is_that_of_the_answers() -> None:
    network = fresh()
    whole, moment = layer(network, SECOND), moments(network)[SECOND]
    rank = rank_of(matrix(whole), moment, 0.95)
    lost = [
        float(missed(matrix(whole), factors(whole, moment, r), moment) / energy(matrix(whole).double(), moment))
        for r in (rank - 1, rank)
    ]
    assert lost[0] > 0.05 >= lost[1]


def test_the_recurrent_weights_of_an_lstm_stay_as_they_are() -> None:
    network = fresh()
    smaller, _ = factorized(network, moments(network), {"lstm.0": 3})
    kept, before = smaller.get_parameter("lstm.0.1.weight_hh_l0"), network.get_parameter("lstm.0.weight_hh_l0")
    assert torch.equal(kept, before)


def test_the_rank_keeps_the_asked_share_of_the_energy() -> None:
    weight, white = torch.diag(torch.tensor([3.0, 1.0, 0.5])), torch.eye(3, dtype=torch.float64)
    assert [rank_of(weight, white, share) for share in (0.8, 0.9, 0.95, 1.0)] == [1, 2, 2, 3]


def test_two_factors_below_break_even_are_smaller_and_at_break_even_are_not() -> None:
    whole, white = nn.Linear(16, 16, bias=False), torch.eye(16, dtype=torch.float64)
    assert break_even(matrix(whole)) == 8
    assert parameters(factors(whole, white, 7)) < parameters(whole) == parameters(factors(whole, white, 8))


def test_a_layer_that_would_gain_nothing_is_left_alone() -> None:
    assert chosen(fresh(), energy=1.0) == {}
    assert set(chosen(of_rank(1))) == set(NAMES)
    assert "hidden" not in chosen(of_rank(1), hidden=min(matrix(layer(fresh(), "hidden")).shape))


def test_a_given_rank_goes_before_the_energy() -> None:
    assert chosen(of_rank(1), hidden=2)["hidden"] == 2


def test_an_unknown_layer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        RefusedError, match=r"ranks: no layer 'lstm.7' to replace in the parent; known: convolutions.0.*hidden"
    ):
        require_named(["lstm.7"], NAMES, "ranks")
    require_named(["lstm", "convolutions.1"], NAMES, "ranks")  # what holds layers names them all


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([LowRank(ranks={"gru": 2})], "the network has no module 'gru'"),
        ([LowRank(ranks={SECOND: 2}), Separable(layers=(SECOND,))], "only a convolution .* not a Sequential"),
        ([Separable(layers=("hidden",))], "only a convolution .* not a Linear"),
        ([LowRank(ranks={"dropout": 2})], "no low-rank pair for a Dropout"),
    ],
)
def test_edits_that_contradict_the_network_are_refused(edits: list[Edit], message: str) -> None:
    shape = SHAPE
    for edit in edits:
        shape = shape.edited(edit)
    with pytest.raises(RefusedError, match=message):
        shape.network()


def test_a_saved_network_answers_as_before(tmp_path: Path) -> None:
    ranks = {"convolutions.0.conv": 2, "lstm.1": 3, "hidden": 4}
    network, edit = factorized(fresh(), moments(fresh()), ranks)
    path = model_artifact(tmp_path / "model", network, SHAPE.edited(edit)).path
    assert torch.equal(load(open_artifact(path))(**WINDOWS), network(**WINDOWS))


def test_edits_are_made_to_a_base_that_is_fitted_to_other_windows() -> None:
    shape = Network.of(WHOLE, {"signal": (3, 40), "rhythm": (5,)}, 6)
    network = shape.edited(LowRank(ranks={"hidden": 2})).edited(Separable(layers=(SECOND,))).network().eval()
    assert network(signal=torch.zeros(4, 3, 40), rhythm=torch.zeros(4, 5)).shape == (4, 6)


@pytest.mark.parametrize(
    ("bias", "reason"),
    [(-1e9, "hidden reads nothing but zeros, so it is dead"), (torch.inf, "numbers that are not finite")],
)
def test_a_layer_that_reads_nothing_or_no_numbers_is_refused_by_name(bias: float, reason: str) -> None:
    shape = CnnLstm(convolutions=(ConvBlock(channels=4, kernel=3),), head=4)
    network = cnn_lstm(Network.of(shape, {"signal": (2, 120), "rhythm": (1,)}, 4)).eval()
    with torch.no_grad():
        network.get_parameter("convolutions.0.norm.bias").fill_(bias)
    batch = Batch({"signal": torch.zeros(5, 2, 120), "rhythm": torch.zeros(5, 1)}, torch.zeros(5, 4))
    with pytest.raises(RefusedError, match=reason):
        second_moments(network, ["hidden"], [batch, batch])
