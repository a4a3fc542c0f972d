"""A runner knows what its graph reads, and says so when it is given something else."""

import functools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bedside.edge.options import FLOAT32
from bedside.edge.runner import Arrays, Runner, RunSettings, load, rows
from bedside.errors import RefusedError
from bedside.graph.export import export

SHAPES = {"wave": (2, 10), "image": (3, 4, 4), "age": (1,)}
each_runtime = pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])


class Reads(nn.Module):
    """Its forward names the inputs in another order than the graph will."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(20 + 48 + 1, 3)

    def forward(self, age: Tensor, image: Tensor, wave: Tensor) -> Tensor:
        logits: Tensor = self.layer(torch.cat([wave.flatten(1), image.flatten(1), age], dim=1))
        return logits


class Anything(nn.Module):
    """A network that takes its inputs as a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Reads()

    def forward(self, **inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(**inputs)
        return logits


@functools.cache
def graph() -> bytes:
    return export(Reads(), SHAPES)


@functools.cache
def runner(runtime: str) -> Runner:
    return load(RunSettings(runtime, options=FLOAT32 if runtime == "openvino" else {}), graph())


def windows(count: int = 4) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {name: random.normal(size=(count, *shape)).astype(np.float32) for name, shape in SHAPES.items()}


@each_runtime
def test_a_graph_names_its_inputs_in_the_order_of_the_dataset(runtime: str) -> None:
    assert list(runner(runtime).inputs.items()) == list(SHAPES.items())


@each_runtime
def test_it_answers_as_the_network_does_however_the_mapping_is_ordered(runtime: str) -> None:
    given = windows()
    with torch.no_grad():
        expected = Reads()(**{name: torch.from_numpy(array) for name, array in given.items()}).numpy()
    backwards = dict(reversed(given.items()))
    np.testing.assert_allclose(runner(runtime)(backwards), expected, atol=1e-5)
    np.testing.assert_allclose(runner(runtime).bound(rows(backwards, slice(2)))(), expected[:2], atol=1e-5)


def test_a_network_that_takes_a_mapping_is_exported_to_the_same_bytes() -> None:
    assert export(Anything(), SHAPES) == graph()


@each_runtime
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"wave": windows()["wave"]},
            r"reads windows of wave \(2, 10\), image \(3, 4, 4\), age \(1\), and was given wave",
        ),
        ({**windows(), "weight": windows()["age"]}, r"and was given .*weight \(1\)"),
        ({**windows(), "wave": np.zeros((4, 2, 9), np.float32)}, r"was given wave \(2, 9\)"),
        ({**windows(), "age": np.zeros((3, 1), np.float32)}, r"as many windows as \{'wave': 4, 'image': 4, 'age': 3\}"),
        ({}, "was given nothing"),
    ],
)
def test_other_inputs_are_refused_with_what_the_graph_reads(runtime: str, given: Arrays, reason: str) -> None:
    for call in (runner(runtime), runner(runtime).bound):
        with pytest.raises(RefusedError, match=reason):
            call(given)
