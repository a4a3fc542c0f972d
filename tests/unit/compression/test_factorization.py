"""Layers become two thin ones where their weights allow it, and stay whole where nothing would be gained."""

import pytest
import torch
from torch import nn

from bedside.artifacts import commit, open_artifact, staged
from bedside.compression.factorization import break_even, factorized, factors, matrix, rank_of, ranks
from bedside.errors import RefusedError
from bedside.models import Architecture, load, save
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork, ConvBlock
from bedside.models.factored_cnn_lstm import FactoredCnnLstm, layer, layer_names
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


def test_a_network_of_low_rank_answers_the_same_with_fewer_parameters() -> None:
    network = of_rank(2)
    smaller, shape = factorized(network, SHAPE, dict.fromkeys(layer_names(WHOLE), 2))
    assert torch.allclose(smaller(*inputs()), network(*inputs()), atol=1e-5)
    assert parameters(smaller) < parameters(network)
    assert shape.left == ()


@pytest.mark.parametrize("name", layer_names(WHOLE))
def test_every_layer_at_full_rank_answers_as_before(name: str) -> None:
    network = fresh()
    whole = layer(network, name)
    same, _ = factorized(network, SHAPE, {name: min(matrix(whole).shape)})
    assert torch.allclose(same(*inputs()), network(*inputs()), atol=1e-5)


def test_no_other_weights_of_that_rank_are_nearer() -> None:
    torch.manual_seed(1)
    whole = nn.Linear(12, 10)
    pair = factors(whole, 3)
    product = matrix(pair[1]) @ matrix(pair[0])
    missed = (matrix(whole) - product).square().sum()
    expected = torch.linalg.svdvals(matrix(whole))[3:].square().sum()  # Eckart and Young
    assert torch.isclose(missed, expected, rtol=1e-4)


def test_the_recurrent_weights_of_an_lstm_stay_as_they_are() -> None:
    network = fresh()
    smaller, _ = factorized(network, SHAPE, {"lstm.0": 3})
    inside = layer(smaller, "lstm.0").get_submodule("1")
    assert torch.equal(inside.weight_hh_l0, network.layers[0].weight_hh_l0)  # type: ignore[arg-type]  # a parameter


def test_the_rank_keeps_the_asked_share_of_the_energy() -> None:
    weight = torch.diag(torch.tensor([3.0, 1.0, 0.5]))
    assert [rank_of(weight, energy) for energy in (0.8, 0.9, 0.95, 1.0)] == [1, 2, 2, 3]


def test_two_factors_below_break_even_are_smaller_and_at_break_even_are_not() -> None:
    whole = nn.Linear(16, 16, bias=False)
    assert break_even(matrix(whole)) == 8
    assert parameters(factors(whole, 7)) < parameters(whole) == parameters(factors(whole, 8))


def test_a_layer_that_would_gain_nothing_is_left_alone() -> None:
    assert ranks(fresh(), SHAPE, energy=1.0, given={}) == {}
    assert set(ranks(of_rank(1), SHAPE, energy=0.9, given={})) == set(layer_names(WHOLE))
    full = min(matrix(fresh().hidden).shape)
    assert "hidden" not in ranks(of_rank(1), SHAPE, energy=0.9, given={"hidden": full})


def test_a_given_rank_goes_before_the_energy() -> None:
    assert ranks(of_rank(1), SHAPE, energy=0.9, given={"hidden": 2})["hidden"] == 2


def test_a_layer_that_is_a_pair_already_is_not_split_again() -> None:
    smaller, shape = factorized(of_rank(1), SHAPE, {"hidden": 1})
    assert "hidden" not in ranks(smaller, shape, energy=0.9, given={})


def test_an_unknown_layer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RefusedError, match=r"ranks: no layer 'lstm.7' in the parent; known: convolutions.0, .*hidden"):
        ranks(fresh(), SHAPE, energy=0.9, given={"lstm.7": 2})


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
    network, shape = factorized(fresh(), SHAPE, {"convolutions.0": 2, "lstm.1": 3, "hidden": 4})
    with staged(path) as folder:
        save(network, shape, folder)
        commit(folder, path, {"labels": {}})
    assert torch.equal(load(open_artifact(path))(*inputs()), network(*inputs()))


def test_a_shape_is_fitted_to_the_windows_it_will_read() -> None:
    shape = FactoredCnnLstm(whole=WHOLE, ranks={"hidden": 2}, separable=("convolutions.1",))
    network = shape.fitted(signal=(3, 40), rhythm=(5,), classes=6).network().eval()
    assert network(torch.zeros(4, 3, 40), torch.zeros(4, 5)).shape == (4, 6)
