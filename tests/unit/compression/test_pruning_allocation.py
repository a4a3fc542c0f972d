"""Layers are pruned by how well they bear it, at the cost of uniform pruning."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from bedside.compression.pruning.allocation import Allocation, Sensitivity, Uniform
from bedside.compression.pruning.cost import macs
from bedside.compression.pruning.layer_scan import Curves, divergence, judgement, scan
from bedside.compression.pruning.schedule import OneShot
from bedside.compression.pruning.taylor import Taylor
from bedside.errors import RefusedError
from bedside.graph.complexity import complexity
from bedside.models.cnn_lstm import CnnLstmNetwork
from bedside.techniques.prune import Prune, plan
from bedside.training.batches import Tensors
from bedside.training.stages import Splits, Validation
from tests.support.networks import CLASSES, INPUTS, exported, float_network, noise, tensors
from tests.support.outcomes import deciding

SHARES = (0.25, 0.5, 0.75)
ASLEEP = "convolutions.1.conv"


def curve(*falls: float) -> list[dict[str, float]]:
    points = zip((0.0, *SHARES), (0.0, *falls), strict=True)
    return [{"share": share, "units": 16, "fall": fall} for share, fall in points]


def left(shares: Mapping[str, float]) -> float:
    return sum(1 - share for share in shares.values())


def splits(windows: int = 80) -> Splits:
    data = Tensors(
        tensors(noise(windows)), torch.arange(windows) % len(CLASSES), torch.zeros(windows, dtype=torch.int64)
    )
    return Splits(deciding(*CLASSES), data, data, Validation())


def half_asleep() -> CnnLstmNetwork:
    """A network whose second convolution uses half of its channels only."""
    network = float_network(16)
    with torch.no_grad():
        for parameter in network.get_submodule("convolutions.1.norm").parameters():
            parameter[8:] = 0
    return network


def scanned(network: CnnLstmNetwork) -> Curves:
    scores = Taylor(windows=20).scores(network, splits().validation, len(CLASSES))
    return scan(network, INPUTS, scores, judgement(network, splits(), windows=20), SHARES)


def test_a_sensitive_layer_keeps_more_than_one_that_bears_pruning() -> None:
    curves = {"brittle": curve(1.0, 2.0, 3.0), "tough": curve(0.01, 0.02, 0.03)}
    shares = Sensitivity().shares(0.4, curves, left)
    assert shares["brittle"] < 0.1
    assert shares["tough"] > 0.6


def test_what_one_layer_keeps_another_gives() -> None:
    curves = {"brittle": curve(1.0, 2.0, 3.0), "tough": curve(0.01, 0.02, 0.03)}
    assert left(Sensitivity().shares(0.35, curves, left)) == pytest.approx(left(Uniform().shares(0.35, curves, left)))


def test_layers_that_cost_nothing_share_alike() -> None:
    curves = {name: curve(0.0, -0.1, 0.0) for name in ("one", "other")}
    assert Sensitivity().shares(0.3, curves, left) == pytest.approx({"one": 0.3, "other": 0.3})


def test_pruning_more_never_counts_as_better() -> None:
    curves = {"lucky": curve(0.5, 0.0, 0.0), "steady": curve(0.1, 0.2, 0.3)}
    shares = Sensitivity().shares(0.3, curves, left)
    assert shares["lucky"] < 0.25 < shares["steady"]


def test_a_scan_that_ends_too_early_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"scan\.shares"):
        Sensitivity().shares(0.9, {"one": curve(0.1, 0.2, 0.3)}, left)


@pytest.mark.parametrize("units", [(), (16,), (12, 8)])
def test_the_cost_of_a_shape_is_that_of_its_graph(units: tuple[int, ...]) -> None:
    assert macs(float_network(*units), INPUTS).whole == complexity(exported("fp32", *units))["macs"]


def test_the_scan_finds_the_layer_that_is_half_asleep() -> None:
    falls = {name: points[2]["fall"] for name, points in scanned(half_asleep()).items()}
    assert falls.pop(ASLEEP) == pytest.approx(0, abs=1e-7)
    assert min(falls.values()) > 1e-6


def test_a_scan_starts_from_the_whole_network() -> None:
    points = scanned(half_asleep())["hidden"]
    assert [point["share"] for point in points] == [0.0, *SHARES]
    assert [point["units"] for point in points] == [16, 12, 8, 4]
    assert points[0]["fall"] == 0
    assert points[-1]["divergence"] > points[0]["divergence"] == 0
    assert points[-1]["kept"] <= points[0]["kept"] == 1


def test_a_network_is_pruned_where_it_sleeps_at_no_more_than_the_uniform_cost() -> None:
    curves, cost = scanned(half_asleep()), macs(half_asleep(), INPUTS)
    schedule = OneShot(ratio=0.4, multiple=1)

    def counts(allocation: Allocation) -> dict[str, int]:
        return plan(Prune(schedule=schedule, allocation=allocation), cost, curves)[-1]

    even, chosen = counts(Uniform()), counts(Sensitivity())
    assert chosen[ASLEEP] < even[ASLEEP]
    assert all(chosen[name] >= even[name] for name in even if name != ASLEEP)
    assert chosen != even
    assert cost(chosen) <= cost(even)


class Fixed(nn.Module):
    """A network that gives each window, known by its first sample, fixed logits (window, class)."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, signal: Tensor) -> Tensor:
        return self.logits[signal[:, 0, 0].long()]


def test_a_rare_class_weighs_as_much_as_a_common_one_in_the_divergence() -> None:
    label = torch.tensor([0] * 9 + [1])
    windows = Tensors({"signal": torch.arange(10.0).reshape(10, 1, 1)}, label, torch.zeros(10))
    taught = torch.tensor([1.0, 0.0]).repeat(10, 1)
    moved = taught.clone()
    moved[9] = torch.tensor([0.0, 1.0])
    one = torch.softmax(taught[9], 0) @ (torch.log_softmax(taught[9], 0) - torch.log_softmax(moved[9], 0))
    assert divergence(Fixed(taught), windows)(Fixed(moved)) == pytest.approx(float(one) / 2)
