"""Pruning removes exactly the units it names, and asks every class before it does."""

import pytest
import torch

from bedside.compression.gain import require_fewer_parameters
from bedside.compression.pruning.base import Importance
from bedside.compression.pruning.magnitude import Magnitude
from bedside.compression.pruning.schedule import Cubic, Iterative, OneShot, Schedule, most_important
from bedside.compression.pruning.surgery import Anatomy, shrink
from bedside.compression.pruning.taylor import Taylor, evenly
from bedside.errors import RefusedError
from bedside.models import Network
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork, ConvBlock
from bedside.training.batches import Tensors
from tests.support.networks import cnn_lstm

BASE = CnnLstm(
    convolutions=(ConvBlock(channels=6, kernel=5, stride=2), ConvBlock(channels=8, kernel=3, stride=2)),
    lstm=(6, 5),
    head=7,
)
INPUTS = {"signal": (2, 60), "rhythm": (7,)}
GATES = 4
KEEP = {
    "convolutions.0.conv": torch.tensor([0, 2, 3, 5]),
    "convolutions.1.conv": torch.tensor([1, 4, 6]),
    "lstm.0": torch.tensor([0, 1, 5]),
    "lstm.1": torch.tensor([2, 4]),
    "hidden": torch.tensor([0, 3, 6]),
}


def network(seed: int = 0, base: CnnLstm = BASE) -> CnnLstmNetwork:
    torch.manual_seed(seed)
    return cnn_lstm(Network.of(base, INPUTS, 4)).eval()


def data(windows: int = 40) -> Tensors:
    generator = torch.Generator().manual_seed(2)
    label = torch.tensor([0] * (windows - 4) + [1, 2, 3, 3])
    inputs = {name: torch.randn(windows, *shape, generator=generator) for name, shape in INPUTS.items()}
    return Tensors(inputs, label, torch.zeros(windows, dtype=torch.int64))


@torch.no_grad()
def silence(net: CnnLstmNetwork) -> None:
    """Make every unit that KEEP does not name answer zero, so that removing it may change nothing."""
    for number in range(len(net.convolutions)):
        norm = net.get_submodule(f"convolutions.{number}.norm")
        for parameter in norm.parameters():
            parameter[missing(KEEP[f"convolutions.{number}.conv"], len(parameter))] = 0
    for number, layer in enumerate(net.lstm):
        units = BASE.lstm[number]
        gone = missing(KEEP[f"lstm.{number}"], units)
        rows = torch.cat([gone + gate * units for gate in range(GATES)])
        for parameter in layer.parameters():
            parameter[rows] = 0  # gates half open, cell input tanh(0) = 0: the cell stays 0
    gone = missing(KEEP["hidden"], net.hidden.out_features)
    net.hidden.weight[gone] = 0
    net.hidden.bias[gone] = 0


def missing(kept: torch.Tensor, units: int) -> torch.Tensor:
    return torch.tensor([u for u in range(units) if u not in kept.tolist()])


def test_removing_units_that_answer_zero_changes_no_logit() -> None:
    whole = network()
    silence(whole)
    smaller, edit = shrink(whole, INPUTS, KEEP)
    assert torch.allclose(smaller(**data().inputs), whole(**data().inputs), atol=1e-6)
    assert {name: edit.widths[name].outputs for name in KEEP} == {name: len(kept) for name, kept in KEEP.items()}


@pytest.mark.parametrize("without", [("lstm",), ("convolutions",), ("lstm", "convolutions")])
def test_a_network_without_one_kind_of_layer_is_pruned_too(without: tuple[str, ...]) -> None:
    keep = {name: units for name, units in KEEP.items() if not name.startswith(without)}
    whole = network(base=BASE.model_copy(update=dict.fromkeys(without, ())))
    silence(whole)
    smaller, _ = shrink(whole, INPUTS, keep)
    assert torch.allclose(smaller(**data().inputs), whole(**data().inputs), atol=1e-6)


@pytest.mark.parametrize("importance", [Taylor(windows=8), Taylor(windows=8, balanced=False), Magnitude()])
def test_a_unit_that_answers_zero_is_the_least_important_of_its_group(importance: Importance) -> None:
    whole = network()
    silence(whole)
    with torch.no_grad():
        for name in ("convolutions.0.conv", "convolutions.1.conv"):
            weight = whole.get_parameter(f"{name}.weight")
            weight[missing(KEEP[name], len(weight))] = 0
    scores = importance.scores(whole, data(), 4)
    for name, kept in KEEP.items():
        if not name.startswith("lstm") or isinstance(importance, Magnitude):
            assert torch.equal(most_important(scores, {name: len(kept)} | rest(name))[name], kept), name


def rest(name: str) -> dict[str, int]:
    return {other: 1 for other in KEEP if other != name}


def test_class_balanced_taylor_hears_a_class_that_pooling_drowns() -> None:
    """A hidden neuron that only the rarest class uses outranks one that normal beats use a little."""
    whole = network()
    rare = 1
    with torch.no_grad():
        whole.hidden.weight.zero_()
        whole.hidden.bias.fill_(1.0)
        whole.output.weight.zero_()
        whole.output.weight[0, 0] = 1.5  # neuron 0 speaks for N
        whole.output.weight[rare, 1] = 1.0  # neuron 1 speaks for S
    windows = data(200)
    balanced = Taylor(windows=200).scores(whole, windows, 4)["hidden"]
    pooled = Taylor(windows=200, balanced=False).scores(whole, windows, 4)["hidden"]
    assert balanced[1] / balanced[0] > 1.5 * pooled[1] / pooled[0]


def test_each_class_weighs_the_same_in_the_balanced_score_however_small_its_gradient() -> None:
    net, windows, score = network(), data(200), Taylor(windows=200)
    with torch.no_grad():
        net.output.bias.copy_(torch.tensor([9.0, 0.0, 0.0, 0.0]))  # the first class is sure and right
    each = [score.scores(net, windows[torch.nonzero(windows.label == c).flatten()], 4)["hidden"] for c in range(4)]
    balanced = torch.stack([one / one.norm() for one in each]).mean(dim=0)
    assert torch.allclose(score.scores(net, windows, 4)["hidden"], balanced, atol=1e-5)


def test_samples_are_spread_over_the_whole_split() -> None:
    assert evenly(torch.arange(100), 5).tolist() == [0, 24, 49, 74, 99]


def test_the_cubic_schedule_removes_most_at_first_and_ends_at_its_ratio() -> None:
    schedule = Cubic(ratio=0.5, steps=3)
    removed = [schedule.removed(step) for step in (1, 2, 3)]
    assert removed[-1] == 0.5
    assert removed[0] > removed[1] - removed[0] > removed[2] - removed[1] > 0


def test_kept_units_come_in_the_multiples_that_kernels_like() -> None:
    assert OneShot(multiple=16).kept(0.3, original=128) == 96
    assert OneShot(multiple=16).kept(0.9, original=32) == 16


def test_a_group_smaller_than_the_multiple_stays_whole() -> None:
    assert OneShot(multiple=16).kept(0.5, original=8) == 8


def test_the_iterative_schedule_removes_in_equal_steps() -> None:
    assert [Iterative(ratio=0.75, steps=3).removed(step) for step in (1, 2, 3)] == [0.25, 0.5, 0.75]


def test_the_one_shot_schedule_has_one_step() -> None:
    assert OneShot(ratio=0.4).removed(1) == 0.4
    with pytest.raises(ValueError, match="steps"):
        Schedule.build({"kind": "one_shot", "steps": 2})


def test_a_schedule_without_a_kind_is_the_gradual_one() -> None:
    assert Schedule.build({"ratio": 0.4, "steps": 3}) == Cubic(ratio=0.4, steps=3)


def test_every_parameter_but_the_last_layer_belongs_to_a_unit() -> None:
    net = network()
    grouped = {id(p) for group in Anatomy.of(net, INPUTS).groups.values() for p in group.parameters}
    left = {name for name, p in net.named_parameters() if id(p) not in grouped}
    assert left == {"output.weight", "output.bias"}


def test_a_pruning_that_removes_nothing_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"removed 0\.0%"):
        require_fewer_parameters("prune", network(), network(), 0.05)


def test_scores_that_are_not_finite_rank_no_unit() -> None:
    scores = {"hidden": torch.tensor([0.5, torch.nan, 0.1])}
    with pytest.raises(RefusedError, match="gives units of hidden an importance that is not finite"):
        most_important(scores, {"hidden": 2})
