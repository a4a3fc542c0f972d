"""Time beside the same answers without the trick, in turns."""

from typing import Any

import numpy as np
import pytest
import torch

from bedside.edge.runner import rows
from bedside.graph.plain import Plain, plain
from bedside.measurement.plain import against_plain, paths
from bedside.models.switched import slack
from bedside.targets import Target
from bedside.targets.onnxruntime import OnnxRuntime
from bedside.targets.openvino import OpenVino
from tests.support.adaptive import exported as exported_pair
from tests.support.adaptive import two_step
from tests.support.networks import exported, noise, tensors

HOW: dict[str, Any] = {"windows": 3, "runs": 20, "warmup": 2, "seconds": 60.0}
each_target = pytest.mark.parametrize("target", [OnnxRuntime(), OpenVino()], ids=["onnxruntime", "openvino"])


def without(target: Target, graph: bytes) -> Plain:
    found = plain(graph)
    assert found is not None
    return Plain(found.kind, target.compiled(found.graph))


@each_target
def test_every_round_gives_a_ratio_and_the_words_say_what_the_other_is(target: Target) -> None:
    graph = target.optimize(exported("int8", 12))[0]
    other = without(target, exported("int8", 12))
    found = against_plain(target, graph, target.session(graph), other, noise(30), **HOW)
    assert found["kind"] == "float"
    assert "in float" in found["what"]
    assert len(found["pairs"]) == 3
    assert 0 < min(found["pairs"]) == found["lowest"] <= found["median"] <= found["highest"] == max(found["pairs"])
    assert found["least_runs"] == 3 * 20


def test_a_graph_that_does_much_more_than_its_plain_form_takes_many_times_as_long() -> None:
    """The heavy one makes a hundred times the multiplications: no load of the machine turns that around."""
    target = OnnxRuntime()
    heavy, light = (target.compiled(exported("fp32", *units)) for units in ((464,), ()))
    found = against_plain(target, heavy, target.session(heavy), Plain("float", light), noise(30), **HOW)
    assert found["median"] > 2
    assert found["graph_ms"] > 2 * found["plain_ms"]
    turned = against_plain(target, light, target.session(light), Plain("float", heavy), noise(30), **HOW)
    assert turned["median"] < 0.5


@each_target
def test_of_two_paths_each_counts_as_often_as_windows_take_it(target: Target) -> None:
    windows, pair = noise(200), two_step("cascade")
    graph = target.optimize(exported_pair("cascade"))[0]
    with torch.no_grad():
        rate = float((slack(pair.first(**tensors(windows)), pair.thresholds) < 0).double().mean())
    assert 0.2 < rate < 0.8
    parts = paths(target, graph, target.session(graph), windows)
    assert [share for share, _ in parts] == pytest.approx([1 - rate, rate])
    assert [len(np.unique(call.sample[0][0], axis=0)) for _, call in parts] == [
        round((1 - rate) * 200),
        round(rate * 200),
    ]
    other = without(target, exported_pair("cascade"))
    found = against_plain(target, graph, target.session(graph), other, windows, **HOW)
    assert found["kind"] == "second"
    assert found["median"] > 0


def test_a_path_that_no_window_takes_costs_nothing() -> None:
    target, graph = OnnxRuntime(), OnnxRuntime().optimize(exported_pair("cascade"))[0]
    windows = noise(200)
    pair = two_step("cascade")
    with torch.no_grad():
        sure = slack(pair.first(**tensors(windows)), pair.thresholds).numpy() >= 0
    found = against_plain(
        target,
        graph,
        target.session(graph),
        without(target, exported_pair("cascade")),
        rows(windows, sure),
        **HOW,
    )
    assert found["graph_ms"] > 0
