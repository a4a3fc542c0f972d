"""Range estimators on values whose best range is known, and what calibration makes of a network."""

import numpy as np
import pytest
import torch

from bedside.compression.bit_widths import Mixed, divergence, harm
from bedside.compression.ranges.base import Ranges
from bedside.compression.ranges.calibration import activations, calibrate
from bedside.compression.ranges.entropy import Entropy
from bedside.compression.ranges.minmax import MinMax
from bedside.compression.ranges.moving_average import MovingAverage
from bedside.compression.ranges.percentile import Percentile
from bedside.models.edits.quantized import grids, quantized, use
from bedside.models.fake_quant import ActivationQuantizer
from bedside.training.batches import Tensors
from tests.support.networks import INPUTS, float_network, noise, tensors


def outlier() -> torch.Tensor:
    values = torch.randn(1000, 50, generator=torch.Generator().manual_seed(0))
    values[0, 0] = 100.0
    return values


def data(windows: int = 64) -> Tensors:
    return Tensors(
        tensors(noise(windows)), torch.zeros(windows, dtype=torch.int64), torch.zeros(windows, dtype=torch.int64)
    )


def test_the_whole_range_holds_the_outlier() -> None:
    assert MinMax().bounds(outlier())[1] == 100.0


@pytest.mark.parametrize("ranges", [Entropy(), Percentile(share=0.999), MovingAverage(momentum=0.01)])
def test_every_other_estimator_gives_one_outlier_less_room(ranges: Ranges) -> None:
    values = outlier().flip(0)  # the outlier last: the first batch of a moving average sets its range
    low, high = ranges.bounds(values)
    assert low < -2
    assert 2 < high < 50


def test_a_percentile_leaves_its_share_inside() -> None:
    values = torch.arange(10001.0)
    assert Percentile(share=0.9).bounds(values) == pytest.approx((500, 9500))


def test_entropy_clips_less_error_into_the_answers_than_the_whole_range() -> None:
    values, error = outlier(), {}
    for ranges in (Entropy(), MinMax()):
        grid = ActivationQuantizer()
        grid.span(*ranges.bounds(values))
        error[ranges.kind] = float((grid.eval()(values) - values).abs().median())
    assert error["entropy"] < error["minmax"] / 5


def test_entropy_keeps_a_range_that_8_bits_fill_evenly() -> None:
    values = torch.from_numpy(np.linspace(0, 1, 4096, dtype=np.float32)[:, None])
    assert Entropy().bounds(values) == pytest.approx((0, 1), abs=0.02)
    assert Entropy().bounds(torch.zeros(4, 4)) == (0, 0)


@pytest.mark.parametrize("values", [[5.0, 5.0], [0.0, 2.0], [-1.0, 1.0], list(np.linspace(0.3, 1, 1000))])
def test_entropy_never_clips_all_values_away(values: list[float]) -> None:
    low, high = Entropy().bounds(torch.tensor(values)[:, None])
    assert low <= min(values) + 0.05
    assert high >= max(values) - 0.05


@pytest.mark.parametrize("shift", [0.0, -1.0])
def test_entropy_is_not_led_astray_by_the_zeros_of_a_rectifier(shift: float) -> None:
    values = torch.relu(torch.randn(1000, 50, generator=torch.Generator().manual_seed(0)) + shift)
    error = {}
    for ranges in (Entropy(), MinMax()):
        grid = ActivationQuantizer()
        grid.span(*ranges.bounds(values))
        error[ranges.kind] = float((grid.eval()(values) - values).square().mean().sqrt())
    assert error["entropy"] < 3 * error["minmax"]
    assert Entropy().bounds(values)[1] == Entropy().bounds(values[values > 0])[1]


def test_calibration_sees_what_the_float_network_computes_and_sets_every_grid() -> None:
    network = quantized(float_network(12), INPUTS)
    seen = activations(network, data())
    assert torch.equal(seen["signal"], data().inputs["signal"])
    assert float(seen["hidden"].max()) > 0  # with grids on it would be zero: no range has been set
    calibrate(network, data(), MinMax())
    assert float(grids(network)["signal"].high) == float(data().inputs["signal"].max())
    assert all(float(grid.high) > float(grid.low) for grid in grids(network).values())


def test_the_layer_whose_range_was_ruined_is_the_most_sensitive_and_stays_float() -> None:
    parent = float_network(12)
    network = quantized(parent, INPUTS)
    calibrate(network, data(), MinMax())
    grids(network)["cat"].span(-1000.0, 1000.0)
    losses = harm(network, parent, data())
    bits = Mixed(worst=1).widths(losses)
    assert bits == {"cat": 32}
    before = divergence(parent(**noise_tensors()), network.eval()(**noise_tensors()))
    use(network, bits)
    after = divergence(parent(**noise_tensors()), network(**noise_tensors()))
    assert after < before / 5


def noise_tensors() -> dict[str, torch.Tensor]:
    return tensors(noise(40, seed=3))


def test_sixteen_bits_round_far_less_than_eight() -> None:
    network = quantized(float_network(), INPUTS)
    calibrate(network, data(), MinMax())
    answers = {}
    for bits in (8, 16, 32):
        use(network, dict.fromkeys(grids(network), bits))
        answers[bits] = network.eval()(**data().inputs)  # inside the ranges: nothing is clipped
    error = {bits: float((answers[bits] - answers[32]).detach().abs().max()) for bits in (8, 16)}
    assert 0 < error[16] < error[8] / 50
