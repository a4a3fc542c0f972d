"""Units are found on any network; to remove one is to remove all that goes with it, and nothing else."""

import copy

import pytest
import torch
from torch import Tensor, nn

from bedside.compression.pruning.cost import macs
from bedside.compression.pruning.surgery import Anatomy, require_units, shrink
from bedside.errors import RefusedError
from bedside.models import Network
from bedside.models.traced import example
from tests.support import zoo

WINDOWS = example(zoo.INPUTS, 3)


def some(network: nn.Module, share: float = 0.5) -> dict[str, Tensor]:
    """A random part of each group's units, to be kept."""
    generator, groups = torch.Generator().manual_seed(1), Anatomy.of(network, zoo.INPUTS).groups
    drawn = {name: torch.randperm(len(group.units), generator=generator) for name, group in groups.items()}
    return {name: order[: max(1, round(share * len(order)))].sort().values for name, order in drawn.items()}


def silenced(network: nn.Module, keep: dict[str, Tensor]) -> nn.Module:
    """The whole network with the other units' own weights set to zero."""
    result = copy.deepcopy(network)
    for name, group in Anatomy.of(result, zoo.INPUTS).groups.items():
        for parameter, places in group.owned:
            parameter.data[(places >= 0) & ~torch.isin(places, keep[name])] = 0
    return result


@pytest.mark.parametrize("kind", zoo.SMALL)
def test_a_network_without_units_answers_as_the_whole_one_in_which_they_are_silent(kind: str) -> None:
    network = zoo.lively(zoo.shape_of(kind).network())
    keep = some(network)
    smaller, _ = shrink(network, zoo.INPUTS, keep)
    assert torch.allclose(smaller(**WINDOWS), silenced(network, keep)(**WINDOWS), atol=1e-5)
    assert sum(p.numel() for p in smaller.parameters()) < 0.8 * sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("kind", zoo.SMALL)
def test_a_pruned_network_is_rebuilt_and_can_be_pruned_again(kind: str) -> None:
    shape = zoo.shape_of(kind)
    smaller, edit = shrink(zoo.lively(shape.network()), zoo.INPUTS, some(shape.network()))
    shape = shape.edited(edit)
    smallest, second = shrink(smaller, zoo.INPUTS, some(smaller))
    again = Network.model_validate_json(shape.edited(second).model_dump_json()).network()
    again.load_state_dict(smallest.state_dict())
    assert torch.equal(again.eval()(**WINDOWS), smallest(**WINDOWS))


@pytest.mark.parametrize("kind", zoo.SMALL)
def test_the_cost_of_a_plan_is_the_cost_of_the_network_that_follows(kind: str) -> None:
    network = zoo.lively(zoo.shape_of(kind).network())
    keep, cost = some(network), macs(network, zoo.INPUTS)
    smaller, _ = shrink(network, zoo.INPUTS, keep)
    assert cost({name: len(units) for name, units in keep.items()}) == macs(smaller, zoo.INPUTS).whole
    assert macs(smaller, zoo.INPUTS).whole < cost.whole


def test_costs_are_those_of_a_count_by_hand() -> None:
    class Three(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(2, 16, 7, stride=2, padding=3)
            self.lstm = nn.LSTM(16, 8, batch_first=True)
            self.linear = nn.Linear(8 + 7, 4)

        def forward(self, signal: Tensor, rhythm: Tensor) -> Tensor:
            _, (last, _) = self.lstm(self.conv(signal).transpose(1, 2))
            logits: Tensor = self.linear(torch.cat([last[0], rhythm], dim=1))
            return logits

    assert macs(Three(), zoo.INPUTS).whole == 60 * 16 * 2 * 7 + 60 * 4 * 8 * (16 + 8) + 15 * 4


def test_layers_that_are_added_up_are_one_group() -> None:
    groups = Anatomy.of(zoo.shape_of("resnet1d").network(), zoo.INPUTS).groups
    assert list(groups) == ["stem", "blocks.0.first", "blocks.1.first", "blocks.1.second"]
    network = zoo.shape_of("resnet1d").network()
    makers = {
        name
        for name, p in network.named_parameters()
        if any(p is q for q in Anatomy.of(network, zoo.INPUTS).groups["stem"].parameters)
    }
    assert {"stem.weight", "blocks.0.second.weight"} <= makers


def test_what_must_keep_its_width_says_why() -> None:
    pinned = Anatomy.of(zoo.shape_of("transformer").network(), zoo.INPUTS).pinned
    assert "scaled_dot_product_attention reads it" in pinned["encoders.0.query"]
    assert pinned["output"] == "it is the network's answer"


def test_a_network_of_which_nothing_can_go_is_refused_with_the_reason() -> None:
    class Mixer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.output = nn.Conv1d(2, 4, 3), nn.Linear(118, 4)

        def forward(self, signal: Tensor, rhythm: Tensor) -> Tensor:
            del rhythm
            read = torch.sort(self.conv(signal), dim=1).values
            logits: Tensor = self.output(read.mean(dim=1))
            return logits

    with pytest.raises(RefusedError, match=r"prune finds no unit that could go \(conv: sort reads it"):
        require_units(Mixer(), zoo.INPUTS)
