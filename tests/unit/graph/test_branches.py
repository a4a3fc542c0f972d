"""One graph of two networks answers as torch does, and leaves the second alone where the first is sure."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import nn

from bedside.edge.on_onnxruntime import OnnxRuntimeRunner, options
from bedside.edge.runner import rows
from bedside.graph.branches import is_switched, path, router
from bedside.graph.complexity import complexity
from bedside.graph.export import export
from bedside.graph.operators import histogram
from bedside.graph.parity import parity
from bedside.graph.quantized import is_quantized
from bedside.graph.surgery import View, drop_unused
from bedside.models.switched import Alone, SwitchedNetwork, slack
from bedside.targets import Target
from bedside.targets.onnxruntime import OnnxRuntime
from bedside.targets.openvino import OpenVino
from tests.support.adaptive import SORTS, Sort, exported, two_step
from tests.support.networks import INPUTS, float_network, noise, tensors
from tests.support.networks import exported as exported_alone

each_target = pytest.mark.parametrize("target", [OnnxRuntime(), OpenVino()], ids=["onnxruntime", "openvino"])


def doubted(network: SwitchedNetwork, windows: int = 60) -> NDArray[np.bool_]:
    """Which windows of noise the first network is unsure of."""
    return room(network, windows) < 0


def room(network: SwitchedNetwork, windows: int) -> NDArray[np.float32]:
    """How far the first network's answer is from being doubted."""
    with torch.no_grad():
        fast = Alone(network.first, network)(**tensors(noise(windows)))
    result: NDArray[np.float32] = slack(fast, network.thresholds).numpy()
    return result


@pytest.mark.parametrize("sort", SORTS)
def test_the_graph_answers_as_torch_does_for_one_window_and_for_many(sort: Sort) -> None:
    network, runner = two_step(sort), OnnxRuntimeRunner(exported(sort))
    windows = noise(60)
    with torch.no_grad():
        expected = network(**tensors(windows)).numpy()
    alone = np.concatenate([runner(rows(windows, slice(i, i + 1))) for i in range(60)])
    tolerance = 0.02 if sort == "int8 cascade" else 1e-5
    for batch in (60, 7):
        together = np.concatenate([runner(rows(windows, slice(i, i + batch))) for i in range(0, 60, batch)])
        np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(alone, expected, atol=tolerance)
    assert 0 < doubted(network).sum() < 60


@each_target
@pytest.mark.parametrize("sort", SORTS)
def test_every_target_keeps_the_decision(target: Target, sort: Sort) -> None:
    optimized, audit = target.optimize(exported(sort))
    windows = noise(40)
    runner, expected = target.session(optimized), OnnxRuntimeRunner(exported(sort))(windows)
    tolerance = 0.02 if sort == "int8 cascade" else 1e-3
    clear = np.abs(room(two_step(sort), 40)) > tolerance  # rounding may decide otherwise about what lies on the edge
    assert clear.sum() >= 15
    np.testing.assert_allclose(runner(windows)[clear], expected[clear], atol=tolerance)
    np.testing.assert_allclose(runner(rows(windows, slice(1))), expected[:1], atol=tolerance)
    assert bool(audit["integer_operators"]) == (sort == "int8 cascade")


def test_a_window_that_the_first_network_is_sure_of_never_runs_the_second(tmp_path: Path) -> None:
    optimized = OnnxRuntime().optimize(exported("cascade"))[0]
    unsure = doubted(two_step("cascade"))
    assert "LSTM" not in ran(optimized, np.flatnonzero(~unsure)[:1], tmp_path)
    assert "LSTM" in ran(optimized, np.flatnonzero(unsure)[:1], tmp_path)
    assert "LSTM" in ran(optimized, np.arange(60), tmp_path)


def ran(graph: bytes, taken: NDArray[np.int64], folder: Path) -> set[str]:
    """The operators that ONNX Runtime's own profile of one call names."""
    settings = options(1)
    settings.enable_profiling, settings.profile_file_prefix = True, str(folder / "profile")
    session = ort.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
    session.run(["logits"], rows(noise(60), taken))
    events = json.loads(Path(session.end_profiling()).read_text())
    return {event["args"]["op_name"] for event in events if "op_name" in event.get("args", {})}


def test_the_second_network_stands_in_the_branch_and_nowhere_else() -> None:
    graph = onnx.load_from_string(exported("cascade")).graph
    assert "LSTM" not in {node.op_type for node in graph.node}
    assert histogram(exported("cascade"))["LSTM"] == 1


def test_an_early_exit_computes_its_first_blocks_once() -> None:
    assert histogram(exported("early exit"))["Conv"] == 2


def test_each_path_by_itself_answers_as_its_network() -> None:
    model, network = onnx.load_from_string(exported("cascade")), two_step("cascade")
    short = path(model, "else_branch").SerializeToString()
    assert parity(network.first, short, noise(20))["max_abs_difference"] < 1e-5
    long = path(model, "then_branch").SerializeToString()
    assert parity(network, long, noise(20))["max_abs_difference"] < 1e-5
    assert not is_switched(onnx.load_from_string(long))


@each_target
def test_the_router_tells_which_windows_take_the_long_path(target: Target) -> None:
    optimized = target.optimize(exported("cascade"))[0]
    decides = router(onnx.load_from_string(optimized)).SerializeToString()
    assert "LSTM" not in histogram(decides)
    left = target.session(decides)(noise(60))
    assert left.shape == (60, 1)
    np.testing.assert_array_equal(left[:, 0] < 0, doubted(two_step("cascade")))


def test_a_graph_without_a_decision_has_no_router() -> None:
    with pytest.raises(ValueError, match="no decision"):
        router(onnx.load_from_string(exported_alone("fp32", 12)))


def test_the_long_path_costs_both_networks_and_the_short_path_one() -> None:
    small, large, pair = (
        complexity(g) for g in (exported_alone("fp32"), exported_alone("fp32", 12), exported("cascade"))
    )
    assert pair["macs_short_path"] == small["macs"]
    assert pair["macs"] == small["macs"] + large["macs"]
    assert pair["parameters"] == small["parameters"] + large["parameters"]
    assert "macs_short_path" not in small


def test_integers_are_found_inside_branches() -> None:
    turned = SwitchedNetwork(float_network(), two_step("int8 cascade").first, 4).eval()
    assert is_quantized(onnx.load_from_string(export(turned, INPUTS)))


class Trunk(nn.Module):
    """Reads two inputs of the three, of which one is called as a tensor of the joint graph used to be."""

    def forward(self, features: torch.Tensor, **others: torch.Tensor) -> torch.Tensor:
        return features[:, :2].relu() + others["slack"].mean(1)[:, None, None]


class Last(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layer = nn.Linear(2 * 5 + 3 + 4, 3)

    def forward(self, features: torch.Tensor, slack: torch.Tensor, logit: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.layer(torch.cat([features.flatten(1), slack, logit.flatten(1)], dim=1))
        return answer


@each_target
def test_any_inputs_reach_both_networks_and_what_stands_in_the_place_of_one(target: Target) -> None:
    shapes = {"slack": (3,), "features": (4, 5), "logit": (2, 2)}
    network = SwitchedNetwork(Last(0), Last(1), 3, Trunk(), "features").eval()
    network.thresholds.fill_(0.2)
    random = np.random.default_rng(0)
    windows = {name: random.normal(size=(50, *shape)).astype(np.float32) for name, shape in shapes.items()}
    graph = export(network, shapes)
    runner = target.session(target.optimize(graph)[0])
    with torch.no_grad():
        given = tensors(windows)
        expected, fast = network(**given).numpy(), Alone(network.first, network)(**given)
    long = slack(fast, network.thresholds).numpy() < 0
    assert 5 < long.sum() < 45
    assert list(runner.inputs.items()) == list(shapes.items())
    alone = np.concatenate([runner(rows(windows, slice(i, i + 1))) for i in range(50)])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    decides = target.session(router(onnx.load_from_string(graph)).SerializeToString())
    np.testing.assert_array_equal(decides(windows)[:, 0] < 0, long)


def test_what_only_a_branch_reads_is_kept() -> None:
    def value(name: str, kind: int = onnx.TensorProto.FLOAT) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, [1])

    inside = [
        helper.make_graph([helper.make_node(operator, ["negative"], [operator])], operator, [], [value(operator)])
        for operator in ("Abs", "Exp")
    ]
    choice = helper.make_node("If", ["asked"], ["y"], then_branch=inside[0], else_branch=inside[1])
    before = helper.make_node("Neg", ["x"], ["negative"])
    inputs = [value("x"), value("asked", onnx.TensorProto.BOOL)]
    graph = helper.make_graph([before, choice], "g", inputs, [value("y")])
    drop_unused(graph)
    assert [node.op_type for node in graph.node] == ["Neg", "If"]
    assert [node.op_type for node in View(graph).readers["negative"]] == ["If", "If"]


def test_the_same_networks_give_the_same_bytes() -> None:
    assert export(two_step("early exit"), INPUTS) == exported("early exit")
