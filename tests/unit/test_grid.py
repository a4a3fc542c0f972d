import numpy as np
import pytest
import torch

from bedside.grid import MOST, PAIR, pair_sums, row_scales, rows_to_steps, stored_steps
from bedside.models.edits.quantized import use
from bedside.models.fake_quant import QuantizedLSTM, WeightGrid, quantize_weight, weight_scales
from tests.support.networks import int8_network


def test_a_row_takes_all_of_int8_where_no_pair_of_one_sign_adds_up() -> None:
    steps, scale = rows_to_steps(np.array([[[1.0, -0.5], [0.0, 0.0]]], np.float32))
    np.testing.assert_array_equal(steps, [[[127, -64], [0, 0]]])
    np.testing.assert_allclose(scale[0, 0], 1 / 127)


def test_two_large_weights_of_one_sign_share_what_16_bits_hold() -> None:
    steps, scale = rows_to_steps(np.array([[1.0, 0.9, -1.0], [-0.5, -0.5, 0.5]], np.float32))
    np.testing.assert_array_equal(steps, [[67, 61, -67], [-64, -64, 64]])
    np.testing.assert_allclose(scale, [1.9 / 128, 1.0 / 128], rtol=1e-6)


@pytest.mark.parametrize("inputs", [1, 2, 3, 40, 300])
def test_no_rounding_takes_a_pair_beyond_16_bits(inputs: int) -> None:
    random = np.random.default_rng(inputs)
    heavy = random.standard_t(2, (4000, inputs)).astype(np.float32)
    for weight in (heavy, np.rint(heavy * 8) / 8):  # the second: ties
        scale = row_scales(weight)
        torch_steps = quantize_weight(torch.from_numpy(weight), torch.from_numpy(scale)).numpy() / scale[:, None]
        for steps in (np.rint(weight / scale[:, None]), np.rint(weight * (1 / scale)[:, None]), np.rint(torch_steps)):
            assert np.abs(steps).max() <= MOST
            assert pair_sums(steps).max() <= PAIR
        assert (255 * pair_sums(rows_to_steps(weight)[0])).max() <= np.iinfo(np.int16).max


def test_the_finest_such_grid_is_taken() -> None:
    weight = np.random.default_rng(0).normal(size=(500, 64)).astype(np.float32)
    steps = np.rint(weight / row_scales(weight)[:, None])
    assert (np.maximum(pair_sums(steps) / PAIR, np.abs(steps).max(axis=1) / MOST) > 0.99).all()


def test_settled_weights_are_read_back_as_the_very_steps_they_were_settled_on() -> None:
    torch.manual_seed(0)
    layer = QuantizedLSTM(24, 64, batch_first=True)
    with torch.no_grad():
        for weight in layer.weights():  # with ties: where rounding is most in doubt
            weight.copy_((weight * 64).round() / 64)
    layer.settle()
    for weight in layer.weights():
        steps, scale = rows_to_steps(weight.detach().numpy())
        np.testing.assert_allclose(steps * scale[:, None], weight.detach().numpy(), rtol=2e-5, atol=0)
        settled = weight.detach().clone()
        torch.testing.assert_close(quantize_weight(settled, weight_scales(settled)), settled, rtol=1e-5, atol=0)


def test_stored_weights_stay_on_the_grid_that_they_were_trained_on() -> None:
    weight = np.random.default_rng(0).normal(size=(200, 30)).astype(np.float32)
    for portable in (True, False):
        scale = row_scales(weight, portable)[:, None]
        trained = np.rint(weight / scale) * scale
        steps, read = stored_steps(trained)
        np.testing.assert_allclose(steps * read[:, None], trained, rtol=2e-5, atol=0)


def test_layers_that_compute_in_float_use_all_of_int8() -> None:
    network = int8_network(12)
    use(network, {"cat": 32, "convolutions_0_conv": 16})
    used = {name: layer.portable for name, layer in network.named_modules() if isinstance(layer, WeightGrid)}
    assert used == {"convolutions.0.conv": True, "convolutions.1.conv": False, "hidden": False, "output": True}
    full = network.get_parameter("hidden.weight").detach().abs().amax(1) / MOST
    torch.testing.assert_close(network.get_buffer("hidden.scales"), full)
