"""A network of the user's own is found by its name, called by its inputs' names, and refused where it cannot be."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bedside.errors import RefusedError
from bedside.models import Architecture, Network, load
from tests.support.networks import INPUTS, model_artifact, noise, tensors

HERE = "tests.unit.models.test_own"


class Mine(nn.Module):
    """Reads the window's inputs in an order of its own."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.body, self.verdict = nn.Linear(2 * 120 + 7, width), nn.Linear(width, 4)

    def forward(self, rhythm: Tensor, signal: Tensor) -> Tensor:
        logits: Tensor = self.verdict(torch.relu(self.body(torch.cat([signal.flatten(1), rhythm], dim=1))))
        return logits


class Other(nn.Module):
    """Has other names for what it reads."""

    def forward(self, ecg: Tensor) -> Tensor:
        return ecg


def nothing() -> None:
    """Makes no network."""


def shape_of(factory: str, **arguments: Any) -> Network:
    base = Architecture.build({"kind": "torch", "factory": factory, "arguments": arguments})
    return Network.of(base, INPUTS, 4)


def test_it_is_built_with_its_arguments_saved_and_loaded(tmp_path: Path) -> None:
    shape, windows = shape_of(f"{HERE}:Mine", width=5), tensors(noise(3))
    network = shape.network().eval()
    assert network.get_parameter("body.weight").shape == (5, 247)
    assert torch.equal(load(model_artifact(tmp_path / "model", network, shape))(**windows), network(**windows))


@pytest.mark.parametrize(
    ("factory", "arguments", "words"),
    [
        ("no_such_package.nets:Net", {}, r"no_such_package\.nets cannot be imported .*; install the package"),
        (f"{HERE}:Absent", {}, rf"{HERE} has no Absent; name a class or function of it"),
        (f"{HERE}:Mine", {"depth": 3}, r"Mine cannot be called with .*depth.*; correct `arguments`"),
        (f"{HERE}:nothing", {}, r"nothing returns a NoneType; it must return an nn\.Module"),
        (f"{HERE}:Other", {}, r"forward of .*Other takes ecg.*, and a window has signal, rhythm; name forward's"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_next_step(factory: str, arguments: Any, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        shape_of(factory, **arguments)
