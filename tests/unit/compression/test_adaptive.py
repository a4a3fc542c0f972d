"""Thresholds belong to classes, reach the fidelity that was asked for, and send as few windows on as that allows."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bedside.compression.adaptive import NEVER, Switching, require_gain, settle_thresholds, thresholds
from bedside.errors import RefusedError
from bedside.models.switched import SwitchedNetwork, margin, slack
from bedside.training.batches import Tensors
from bedside.training.stages import Splits, Validation
from tests.support.outcomes import deciding

WINDOWS = 12


class Stored(nn.Module):
    """A network that gives each window, known by its first sample, the logits that were written down for it."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, signal: Tensor) -> Tensor:
        return self.logits[signal[:, 0, 0].long()]


def logits(answers: list[int], margins: list[float]) -> Tensor:
    """Two classes: who wins, and by how much."""
    return torch.eye(2)[torch.tensor(answers)] * torch.tensor(margins)[:, None]


def splits(label: Tensor) -> Splits:
    windows = len(label)
    data = Tensors({"signal": torch.arange(float(windows)).reshape(-1, 1, 1)}, label, torch.zeros(windows))
    return Splits(deciding("N", "V"), data, data, Validation())


def made_up(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of a poor and of a good network, and the truth."""
    generator = torch.Generator().manual_seed(seed)
    label = (torch.arange(WINDOWS) % 3 == 0).long()
    fast = torch.randn(WINDOWS, 2, generator=generator) + torch.eye(2)[label]
    slow = torch.randn(WINDOWS, 2, generator=generator) + 4 * torch.eye(2)[label]
    return fast, slow, label


def fidelity_of(unsure: Tensor, fast: Tensor, slow: Tensor, label: Tensor) -> float:
    answer = torch.where(unsure, slow.argmax(1), fast.argmax(1))
    right = slow.argmax(1) == label
    return float(torch.stack([(answer == label)[right & (label == c)].double().mean() for c in (0, 1)]).mean())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("least", [0.8, 0.95, 1.0])
def test_no_thresholds_reach_the_fidelity_with_fewer_switches(seed: int, least: float) -> None:
    fast, slow, label = made_up(seed)
    unsure = slack(fast, thresholds(fast, slow, label, least)) < 0
    assert fidelity_of(unsure, fast, slow, label) >= least - 1e-9
    tried = [-1.0, NEVER, *(margin(fast) + 1e-3).tolist()]
    rates = [
        int(other.sum())
        for pair in itertools.product(tried, tried)
        if fidelity_of(other := slack(fast, torch.tensor(pair)) < 0, fast, slow, label) >= least - 1e-9
    ]
    assert int(unsure.sum()) == min(rates)


def test_each_class_has_the_threshold_that_its_own_mistakes_ask_for() -> None:
    label = torch.tensor([0, 0, 0, 1, 1, 1])
    fast = logits([0, 0, 1, 1, 1, 0], [9, 5, 1, 7, 6, 4])  # V called N with margin 4, N called V with margin 1
    slow = logits(label.tolist(), [9] * 6)
    chosen = thresholds(fast, slow, label, 1.0)
    np.testing.assert_allclose(chosen, [4.5, 3.5])


def test_a_class_that_the_first_network_never_named_is_never_trusted() -> None:
    label = torch.tensor([0, 0, 1])
    chosen = thresholds(logits([0, 0, 0], [5, 4, 3]), logits([0, 0, 1], [5, 5, 5]), label, 1.0)
    assert chosen[1] == NEVER


def test_what_the_second_network_has_wrong_is_no_reason_to_ask_it() -> None:
    label = torch.tensor([0, 0, 1])
    assert thresholds(logits([0, 0, 0], [5, 4, 3]), logits([0, 0, 0], [5, 5, 5]), label, 1.0)[0] == 0


def test_no_window_lies_so_close_to_a_threshold_that_rounding_decides() -> None:
    label = torch.tensor([0, 0, 0, 1])
    fast = logits([0, 0, 0, 0], [5.0, 3.00001, 2.0, 3.0])  # the harmless 3.00001 goes with the harmful 3
    chosen = thresholds(fast, logits([0, 0, 0, 1], [9] * 4), label, 1.0)
    assert chosen[0] == pytest.approx((5 + 3.00001) / 2)


def test_the_composed_network_is_as_true_as_asked_and_says_how_often_it_switches() -> None:
    fast, slow, label = made_up(1)
    network = SwitchedNetwork(Stored(fast), Stored(slow), 2)
    figures = settle_thresholds(network, splits(label), Switching(fidelity=1.0, most=1.0))
    assert figures["adaptive/fidelity"] == 1.0 > figures["adaptive/fidelity_of_first"]
    assert figures["adaptive/switch_rate"] == float((slack(fast, network.thresholds) < 0).double().mean())
    assert figures["adaptive/N_threshold"] == float(network.thresholds[0])


def test_a_second_network_that_is_never_needed_is_refused() -> None:
    _, slow, label = made_up(1)
    with pytest.raises(RefusedError, match="never asked"):
        settle_thresholds(SwitchedNetwork(Stored(slow), Stored(slow), 2), splits(label), Switching())


def test_a_second_network_that_is_needed_all_the_time_is_refused() -> None:
    _, slow, label = made_up(1)
    network = SwitchedNetwork(Stored(-slow), Stored(slow), 2)
    with pytest.raises(RefusedError, match=r"takes the second network for .*%"):
        settle_thresholds(network, splits(label), Switching(fidelity=1.0))
    with pytest.raises(RefusedError):
        require_gain(1.0, Switching(most=0.99))
