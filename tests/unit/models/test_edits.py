"""A network is rebuilt from its base and its edits: the same modules, the same answers."""

import copy

import pytest
import torch

from bedside.errors import RefusedError
from bedside.models import Architecture, Network
from bedside.models.edits.early_exit import EarlyExit, split
from bedside.models.edits.low_rank import LowRank
from bedside.models.edits.pruned import Pruned, Width
from bedside.models.edits.quantized import Quantized, grids, quantized, use
from bedside.models.edits.separable import Separable
from bedside.models.traced import example
from tests.support import zoo

WINDOWS = example(zoo.INPUTS, 5)


def rebuilt(shape: Network) -> torch.nn.Module:
    """From what would be written down."""
    return Network.model_validate_json(shape.model_dump_json()).network()


@pytest.mark.parametrize("kind", zoo.SMALL)
def test_a_quantized_network_without_rounding_answers_as_the_float_one_but_for_its_weights(kind: str) -> None:
    network = zoo.lively(zoo.shape_of(kind).network())
    result = quantized(network, zoo.INPUTS)
    use(result, dict.fromkeys(grids(result), 32))
    expected = network(**WINDOWS)
    assert (result(**WINDOWS) - expected).abs().max() < 0.03 * expected.abs().max()


@pytest.mark.parametrize("kind", zoo.SMALL)
def test_a_quantized_network_is_rebuilt_with_its_weights_and_ranges(kind: str) -> None:
    shape = zoo.shape_of(kind)
    result = quantized(zoo.lively(shape.network()), zoo.INPUTS)
    bits = {next(iter(grids(result))): 16}
    use(result, bits)
    result.train()(**WINDOWS)
    again = rebuilt(shape.edited(Quantized(bits=bits)))
    again.load_state_dict(result.state_dict())
    assert torch.equal(again.eval()(**WINDOWS), result.eval()(**WINDOWS))


def test_edits_are_applied_in_their_order() -> None:
    shape = zoo.shape_of("cnn_lstm")
    for edit in (
        Pruned(widths={"convolutions.0.conv": Width(outputs=8), "convolutions.0.norm": Width(outputs=8)}),
        Pruned(widths={"convolutions.1.conv": Width(inputs=8)}),
        LowRank(ranks={"lstm.0": 3}),
        Separable(layers=("convolutions.1.conv",)),
    ):
        shape = shape.edited(edit)
    network = rebuilt(shape)
    assert shape.kind == "separable low_rank pruned pruned cnn_lstm"
    assert network(**WINDOWS).shape == (5, zoo.CLASSES)
    assert network.get_submodule("convolutions.1.conv.0").weight.shape == (8, 1, 5)
    assert network.get_submodule("lstm.0.0").weight.shape == (3, 16)


@pytest.mark.parametrize("kind", zoo.SMALL)
def test_an_exit_leaves_the_long_path_as_it_was(kind: str) -> None:
    network = zoo.lively(zoo.shape_of(kind).network())
    if kind == "inception_time":
        with pytest.raises(RefusedError, match="behind 'modules_in_line' the network also reads signal"):
            split(network, zoo.INPUTS, zoo.BEHIND[kind])
        return
    cut = split(network, zoo.INPUTS, zoo.BEHIND[kind])
    read = {**WINDOWS, cut.replaced: cut.trunk(**WINDOWS)}
    assert torch.equal(cut.rest(**read), network(**WINDOWS))
    assert cut.shape == tuple(read[cut.replaced].shape)[1:]


def test_a_network_with_an_exit_is_rebuilt() -> None:
    shape = zoo.shape_of("resnet1d")
    network = zoo.lively(shape.network())
    cut = split(network, zoo.INPUTS, "blocks.0")
    head = Architecture.build({"kind": "perceptron"}).fitted(cut.inputs(zoo.INPUTS), zoo.CLASSES)
    edited = shape.edited(EarlyExit(after="blocks.0", exit=head))
    one, other = rebuilt(edited), edited.network()
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    assert torch.equal(one.eval()(**WINDOWS), other.eval()(**WINDOWS))
    assert not any(parameter.requires_grad for parameter in one.get_submodule("shared").parameters())


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ("blocks.7", "the network has no module 'blocks.7'; known: stem, stem_norm, blocks.0.first"),
        ("output", "the network ends with its module 'output'; name one before it"),
        ("blocks.0.first", "behind 'blocks.0.first' the network also reads relu"),
    ],
)
def test_a_place_where_no_exit_can_be_is_refused(after: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        split(zoo.shape_of("resnet1d").network(), zoo.INPUTS, after)


@pytest.mark.parametrize("kind", zoo.SMALL)
def test_every_weight_of_a_quantized_network_is_trained(kind: str) -> None:
    network = quantized(zoo.lively(zoo.shape_of(kind).network()), zoo.INPUTS).train()
    network(**WINDOWS).square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []
