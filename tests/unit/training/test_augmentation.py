"""What varies in a training window follows from the axes of each input, in draws that never change."""

import math

import pytest
import torch
from torch import Tensor

from bedside.params import ParamsError, validate
from bedside.training.batches import Augmentation, augment

STILL = {"gain": 0, "noise": 0, "shift": 0, "flip": 0, "features": 0, "mixup": 0}
WINDOWS = 16


def varied(shape: tuple[int, ...], **only: float) -> tuple[Tensor, Tensor]:
    """Windows of noise of one input, and the same ones varied."""
    before = torch.randn(WINDOWS, *shape, generator=torch.Generator().manual_seed(1))
    how = Augmentation.model_validate({**STILL, **only})
    return before, augment({"input": before}, how, torch.Generator().manual_seed(2))["input"]


def test_the_draws_are_those_that_every_published_network_was_trained_with() -> None:
    """Written out, one input after the other: gain, polarity, level, noise, shift, and then the features' noise."""
    how = Augmentation()
    signal, features = torch.randn(5, 2, 30), torch.randn(5, 7)
    found = augment({"signal": signal, "features": features}, how, torch.Generator().manual_seed(3))
    draw = torch.Generator().manual_seed(3)
    expected = signal * torch.exp(how.gain * torch.randn((5, 1, 1), generator=draw))
    expected = torch.where(torch.rand((5, 1, 1), generator=draw) < how.flip, -expected, expected)
    level = how.noise * torch.rand((5, 1, 1), generator=draw)
    expected = expected + level * torch.randn((5, 2, 30), generator=draw)
    shift = int(torch.randint(-how.shift, how.shift + 1, (1,), generator=draw))
    assert torch.equal(found["features"], features + how.features * torch.randn((5, 7), generator=draw))
    assert torch.equal(found["signal"], torch.roll(expected, shift, dims=2))
    assert list(found) == ["signal", "features"]


@pytest.mark.parametrize(
    ("shape", "varying"),
    [
        ((), {"features"}),
        ((7,), {"features"}),
        ((2, 30), {"gain", "noise", "shift", "flip"}),
        ((3, 8, 8), {"gain", "noise"}),
        ((1, 4, 4, 4), {"gain", "noise"}),
    ],
)
def test_what_applies_to_an_input_follows_from_its_axes(shape: tuple[int, ...], varying: set[str]) -> None:
    strong: dict[str, float] = {"gain": 0.5, "noise": 0.5, "shift": 9, "flip": 1, "features": 0.5}
    changed = {name for name, value in strong.items() if not torch.equal(*varied(shape, **{name: value}))}
    assert changed == varying
    before, after = varied(shape, **strong)
    assert after.shape == before.shape


def test_the_gain_of_a_window_is_one_number() -> None:
    before, after = varied((3, 8, 8), gain=0.5)
    gains = (after / before).reshape(WINDOWS, -1)
    assert torch.allclose(gains, gains[:, :1].expand_as(gains), atol=1e-4)
    assert len({round(math.log(float(gain)), 4) for gain in gains[:, 0]}) == WINDOWS


def test_the_old_name_of_the_features_noise_is_refused() -> None:
    with pytest.raises(ParamsError, match="features"):
        validate(Augmentation, {"rhythm": 0.1}, "augmentation")
