"""Layers become two thin ones where their weights allow it, and stay whole where nothing would be gained."""

import pytest
import torch
from torch import Tensor, nn

from bedside.artifacts import commit, open_artifact, staged
from bedside.compression.factorization import break_even, factorized, factors, matrix, rank_of, ranks
from bedside.compression.moments import Moments, energy, second_moments
from bedside.errors import RefusedError
from bedside.models import Architecture, load, save
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork, ConvBlock
from bedside.models.factored_cnn_lstm import FactoredCnnLstm, layer, layer_names, require_layers
from bedside.training.batches import Batch
from bedside.training.stages import parameters
from tests.conftest import MakeArtifact

WHOLE = CnnLstm(
    convolutions=(ConvBlock(channels=8, kernel=7, stride=2), ConvBlock(channels=12, kernel=5)), lstm=(9, 10), head=11
)
SHAPE = FactoredCnnLstm(whole=WHOLE)


def inputs(windows: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(windows, 2, 120, generator=generator), torch.randn(windows, 7, generator=generator)


def fresh() -> CnnLstmNetwork:
    torch.manual_seed(0)
    return WHOLE.network().eval()


@torch.no_grad()
def of_rank(rank: int) -> CnnLstmNetwork:
    """A network all of whose layers have exactly this rank."""
    network = fresh()
    for name in layer_names(WHOLE):
        left, values, right = torch.linalg.svd(matrix(layer(network, name)), full_matrices=False)
        matrix(layer(network, name)).copy_(left[:, :rank] * values[:rank] @ right[:rank])
    return network


def moments(network: CnnLstmNetwork, names: tuple[str, ...] = layer_names(WHOLE)) -> Moments:
    """Of correlated inputs, as real ones are: noise summed over time."""
    signal, rhythm = inputs(32)
    return second_moments(network, names, [Batch({"signal": signal.cumsum(2), "rhythm": rhythm}, torch.zeros(32, 4))])


def chosen(network: CnnLstmNetwork, energy: float = 0.9, **given: int) -> dict[str, int]:
    return ranks(network, moments(network), energy, given)


def test_a_network_of_low_rank_answers_the_same_with_fewer_parameters() -> None:
    network = of_rank(2)
    smaller, shape = factorized(network, SHAPE, moments(network), dict.fromkeys(layer_names(WHOLE), 2))
    assert torch.allclose(smaller(*inputs()), network(*inputs()), atol=1e-4)
    assert parameters(smaller) < parameters(network)
    assert shape.left == ()


@pytest.mark.parametrize("name", layer_names(WHOLE))
def test_every_layer_at_full_rank_answers_as_before(name: str) -> None:
    network = fresh()
    whole = layer(network, name)
    same, _ = factorized(network, SHAPE, moments(network), {name: min(matrix(whole).shape)})
    assert torch.allclose(same(*inputs()), network(*inputs()), atol=1e-4)


def missed(whole: Tensor, pair: nn.Sequential, moment: Tensor) -> Tensor:
    return energy(whole.double() - matrix(pair[1]).double() @ matrix(pair[0]).double(), moment)


def test_for_inputs_in_all_directions_it_is_the_truncated_svd_of_the_weights() -> None:
    torch.manual_seed(1)
    whole, white = nn.Linear(12, 10), torch.eye(12, dtype=torch.float64)
    expected = torch.linalg.svdvals(matrix(whole).double())[3:].square().sum()  # Eckart and Young
    assert torch.isclose(missed(matrix(whole), factors(whole, white, 3), white), expected, rtol=1e-5)


def test_on_what_a_layer_really_reads_it_misses_less_than_the_svd_of_the_weights() -> None:
    network = fresh()
    whole, moment = layer(network, "convolutions.1"), moments(network)["convolutions.1"]
    fitted, blind = factors(whole, moment, 3), factors(whole, torch.eye(40, dtype=torch.float64), 3)
    assert missed(matrix(whole), fitted, moment) < 0.8 * missed(matrix(whole), blind, moment)


def test_the_energy_that_is_kept_is_that_of_the_answers() -> None:
    network = fresh()
    whole, moment = layer(network, "convolutions.1"), moments(network)["convolutions.1"]
    rank = rank_of(matrix(whole), moment, 0.95)
    lost = [
        float(missed(matrix(whole), factors(whole, moment, r), moment) / energy(matrix(whole).double(), moment))
        for r in (rank - 1, rank)
    ]
    assert lost[0] > 0.05 >= lost[1]


def test_the_recurrent_weights_of_an_lstm_stay_as_they_are() -> None:
    network = fresh()
    smaller, _ = factorized(network, SHAPE, moments(network), {"lstm.0": 3})
    inside = layer(smaller, "lstm.0").get_submodule("1")
    assert torch.equal(inside.weight_hh_l0, network.layers[0].weight_hh_l0)  # type: ignore[arg-type]  # a parameter


def test_the_rank_keeps_the_asked_share_of_the_energy() -> None:
    weight, white = torch.diag(torch.tensor([3.0, 1.0, 0.5])), torch.eye(3, dtype=torch.float64)
    assert [rank_of(weight, white, share) for share in (0.8, 0.9, 0.95, 1.0)] == [1, 2, 2, 3]


def test_two_factors_below_break_even_are_smaller_and_at_break_even_are_not() -> None:
    whole, white = nn.Linear(16, 16, bias=False), torch.eye(16, dtype=torch.float64)
    assert break_even(matrix(whole)) == 8
    assert parameters(factors(whole, white, 7)) < parameters(whole) == parameters(factors(whole, white, 8))


def test_a_layer_that_would_gain_nothing_is_left_alone() -> None:
    assert chosen(fresh(), energy=1.0) == {}
    assert set(chosen(of_rank(1))) == set(layer_names(WHOLE))
    assert "hidden" not in chosen(of_rank(1), hidden=min(matrix(fresh().hidden).shape))


def test_a_given_rank_goes_before_the_energy() -> None:
    assert chosen(of_rank(1), hidden=2)["hidden"] == 2


def test_an_unknown_layer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RefusedError, match=r"ranks: no layer 'lstm.7' in the parent; known: convolutions.0, .*hidden"):
        require_layers(SHAPE, ["lstm.7"], "ranks")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ranks": {"gru": 2}}, "no layer 'gru'"),
        ({"ranks": {"convolutions.1": 2}, "separable": ["convolutions.1"]}, "not both"),
        ({"separable": ["hidden"]}, "only a convolution"),
    ],
)
def test_an_architecture_that_contradicts_itself_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Architecture.build({"kind": "factored_cnn_lstm", "whole": WHOLE.model_dump(mode="json"), **fields})


def test_a_saved_network_answers_as_before(make_artifact: MakeArtifact) -> None:
    path = make_artifact("empty", {}).parent / "model"
    network, shape = factorized(fresh(), SHAPE, moments(fresh()), {"convolutions.0": 2, "lstm.1": 3, "hidden": 4})
    with staged(path) as folder:
        save(network, shape, folder)
        commit(folder, path, {"labels": {}})
    assert torch.equal(load(open_artifact(path))(*inputs()), network(*inputs()))


def test_a_shape_is_fitted_to_the_windows_it_will_read() -> None:
    shape = FactoredCnnLstm(whole=WHOLE, ranks={"hidden": 2}, separable=("convolutions.1",))
    network = shape.fitted({"signal": (3, 40), "rhythm": (5,)}, 6).network().eval()
    assert network(torch.zeros(4, 3, 40), torch.zeros(4, 5)).shape == (4, 6)


@pytest.mark.parametrize(
    ("bias", "reason"),
    [(-1e9, "hidden reads nothing but zeros, so it is dead"), (torch.inf, "numbers that are not finite")],
)
def test_a_layer_that_reads_nothing_or_no_numbers_is_refused_by_name(bias: float, reason: str) -> None:
    network = CnnLstm(convolutions=(ConvBlock(channels=4, kernel=3),), head=4, rhythm_features=1).network().eval()
    with torch.no_grad():
        network.blocks[0].norm.bias.fill_(bias)
    batch = Batch({"signal": torch.zeros(5, 2, 120), "rhythm": torch.zeros(5, 1)}, torch.zeros(5, 4))
    with pytest.raises(RefusedError, match=reason):
        second_moments(network, ["hidden"], [batch, batch])
