import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bedside.artifacts import open_artifact
from bedside.edge.runner import RunSettings, rows
from bedside.errors import RefusedError
from bedside.graph.export import export
from bedside.graph.plain import Plain, plain
from bedside.measurement import Measure, Measurement
from bedside.measurement.adaptive import both_paths
from bedside.measurement.answers import answers
from bedside.measurement.cpu import this_cpu
from bedside.measurement.environment import allowed_cores, environment, pinned
from bedside.measurement.latency import Rotation, affordable, interleaved, percentiles, ratios, timed
from bedside.measurement.openings import opened
from bedside.measurement.process import fresh_process
from bedside.measurement.provenance import provenance
from bedside.measurement.remembered import LOGITS, Answered, remembered
from bedside.models.switched import slack
from bedside.targets.onnxruntime import OnnxRuntime
from bedside.targets.openvino import OpenVino
from tests.conftest import MakeArtifact
from tests.support.adaptive import exported as exported_pair
from tests.support.adaptive import two_step
from tests.support.networks import INPUTS, exported, noise, tensors

QUICK = Measure(windows=2, runs=30, warmup=2, seconds=0.2, batches=(1, 4), processes=1)
HEAVY = {"torch", "mlflow", "pydantic", "onnx", "pandas", "scipy", "matplotlib", "yaml", "tqdm"}


def test_a_timed_call_takes_what_it_takes() -> None:
    begun = time.perf_counter()
    spent = timed(lambda: time.sleep(0.002), 5)
    assert spent.shape == (5,)
    assert 2.0 <= spent.min() <= spent.sum() / 5 <= (time.perf_counter() - begun) * 1e3 / 5


def test_slow_calls_get_fewer_runs_but_never_less_than_twenty() -> None:
    assert affordable(lambda: None, 500, 3600.0) == 500
    assert affordable(lambda: time.sleep(0.002), 500, 0.1) in range(20, 51)
    assert affordable(lambda: time.sleep(0.002), 500, 0.001) == 20


def test_candidate_and_reference_take_turns() -> None:
    turns: list[str] = []
    interleaved(lambda: turns.append("a"), lambda: turns.append("b"), windows=3, runs=4, warmup=1, seconds=1)
    measured = "".join(turns)[10:]  # after five probing runs of each
    assert measured == "aaaaabbbbb" * 3


def test_percentiles_are_medians_over_windows_and_ratios_go_pair_by_pair() -> None:
    candidate = [np.full(100, 1.0), np.full(100, 2.0), np.full(100, 50.0)]
    reference = [np.full(100, 10.0), np.full(100, 30.0), np.full(100, 500.0)]
    assert percentiles(candidate) == {"p50_ms": 2.0, "p90_ms": 2.0, "p99_ms": 2.0, "mean_ms": 2.0, "p99_9_ms": 50.0}
    assert ratios(candidate, reference)["mean"]["median"] == 10.0
    assert ratios(candidate, reference)["p50"] == {"median": 10.0, "lowest": 10.0, "highest": 15.0}


each_target = pytest.mark.parametrize("target", [OnnxRuntime(), OpenVino()], ids=["onnxruntime", "openvino"])


@each_target
def test_every_timed_call_runs_on_other_windows_until_all_had_their_turn(target: OnnxRuntime | OpenVino) -> None:
    windows = noise(6)
    runner = target.session(exported("fp32", 12))
    rotation = Rotation(runner, windows, batch=2)
    answered = []
    for _ in range(4):
        answered.append(np.array(rotation.call()))
        rotation.turn()
    once = np.concatenate(answered[:3])
    np.testing.assert_allclose(np.sort(once, axis=0), np.sort(runner(windows), axis=0), atol=1e-5)
    np.testing.assert_array_equal(answered[3], answered[0])


def test_laying_out_the_next_windows_is_not_timed() -> None:
    class Slow(Rotation):
        def turn(self) -> None:
            super().turn()
            time.sleep(0.01)

    rotation = Slow(OnnxRuntime().session(exported("fp32", 12)), noise(5))
    begun = time.perf_counter()
    spent = timed(rotation, 10)
    assert spent.sum() <= (time.perf_counter() - begun - 10 * 0.01) * 1e3


@each_target
def test_a_graph_of_two_paths_is_measured_on_both_and_on_their_real_mixture(target: OnnxRuntime | OpenVino) -> None:
    windows, network = noise(200), two_step("cascade")
    graph = target.optimize(exported_pair("cascade"))[0]
    found = Measurement(target, graph, graph, windows).take(QUICK)["adaptive"]
    with torch.no_grad():
        fast = network.first(**tensors(windows))
    assert found["switch_rate"] == float((slack(fast, network.thresholds) < 0).double().mean())
    rate, short, long = (found[name] for name in ("switch_rate", "short_p50_ms", "long_p50_ms"))
    assert min(short, long) > 0
    assert found["expected_ms"] == (1 - rate) * short + rate * long


def test_a_path_that_no_window_takes_has_no_latency() -> None:
    target, network = OnnxRuntime(), two_step("cascade")
    network.thresholds.zero_()
    graph = target.optimize(export(network, INPUTS))[0]
    found = both_paths(target, graph, target.session(graph), noise(40), runs=30, seconds=0.1)
    assert found is not None
    assert (found["switch_rate"], found["long_p50_ms"]) == (0, None)
    assert found["expected_ms"] == found["short_p50_ms"]


@each_target
def test_a_measurement_has_a_labelled_figure_for_everything(target: OnnxRuntime | OpenVino) -> None:
    graph = target.optimize(exported("int8", 12))[0]
    found = Measurement(target, graph, target.optimize(exported("fp32", 12, 8))[0], noise(3)).take(QUICK)
    assert 0 < found["latency"]["p50_ms"] <= found["latency"]["p90_ms"] <= found["latency"]["p99_ms"]
    faster = found["latency"]["times_faster"]["p50"]
    assert 0 < faster["lowest"] <= faster["median"] <= faster["highest"]
    assert found["latency"]["reference"]["p50_ms"] > 0
    assert found["throughput"].keys() == {"1", "4"}
    assert 20 < found["memory"]["runtime_rss_mb"] < found["memory"]["peak_rss_mb"] < 500
    assert found["cold_start"]["load_and_answer_ms"] > 0
    assert found["size_bytes"] == len(graph)
    assert "adaptive" not in found
    assert found["provenance"]["latency.p99_ms"] == found["provenance"]["memory.peak_rss_mb"] == "measured"
    assert found["provenance"]["energy.millijoule_per_window"] == "not available"
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_fresh_process_holds_numpy_and_the_runtime_and_nothing_heavy(runtime: str) -> None:
    report = fresh_process(exported("int8", 12), RunSettings(runtime))
    assert {"numpy", runtime} <= set(report["modules"])
    assert not HEAVY & set(report["modules"])
    assert len(report["logits"]) == 4


def test_memory_is_that_of_the_fresh_process_not_of_the_one_that_starts_it() -> None:
    ballast = np.ones(300_000_000, np.uint8)
    report = fresh_process(exported("int8", 12), RunSettings("onnxruntime"))
    assert report["peak_bytes"] < len(ballast)


def test_a_graph_that_cannot_be_loaded_is_refused_with_the_runtime_s_words() -> None:
    with pytest.raises(RefusedError, match="onnxruntime could not load"):
        fresh_process(b"not a model", RunSettings("onnxruntime"))


def test_answers_are_batched_only_where_that_changes_nothing() -> None:
    static, dynamic = OnnxRuntime(), OnnxRuntime(dynamic_lstm_from=1)
    windows = noise(60)
    batched, how = answers(
        static.session(static.optimize(exported("int8", 12))[0]), windows, batch=16, sampled=20, name="static"
    )
    assert (how["batch"], how["sampled"]) == (16, 20)
    assert batched.shape == (60, 4)
    runner = dynamic.session(dynamic.optimize(exported("int8", 12))[0])
    alone, how = answers(runner, windows, batch=16, sampled=20, name="dynamic")
    assert how["batch"] == 1
    assert how["max_difference_to_alone"] > 1e-5
    np.testing.assert_array_equal(alone[7:8], runner(rows(windows, slice(7, 8))))


def test_answers_are_remembered_by_what_they_follow_from_and_damage_is_mended(own_state: Path) -> None:
    asked: list[str] = []

    def compute(name: str) -> Answered:
        asked.append(name)
        return np.full((2, 4), len(asked), np.float32), {"batch": len(asked)}

    def ask(name: str) -> float:
        logits, facts = remembered({"graph": name}, lambda: compute(name))
        assert facts["batch"] == logits[0, 0]
        return float(logits[0, 0])

    assert [ask("one"), ask("one"), ask("two"), ask("one")] == [1, 1, 2, 1]
    for file in own_state.glob(f"answers/*/{LOGITS}"):
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert ask("one") == 3
    assert asked == ["one", "two", "one"]


def test_every_opening_of_the_test_set_is_counted(make_artifact: MakeArtifact, own_state: Path) -> None:
    first = open_artifact(make_artifact("test", {"test.safetensors": "a"}))
    other = open_artifact(make_artifact("other", {"test.safetensors": "b"}))
    assert [opened(first, "g1", "why"), opened(other, "g1", "why"), opened(first, "g2", "why")] == [1, 1, 2]
    entries = [json.loads(line) for line in (own_state / "openings.jsonl").read_text().splitlines()]
    assert [entry["graph"] for entry in entries] == ["g1", "g1", "g2"]
    assert all(entry["date"] and entry["purpose"] == "why" for entry in entries)


def test_an_opening_torn_by_a_full_disk_counts_for_every_test_set_and_spoils_no_other(
    make_artifact: MakeArtifact, own_state: Path
) -> None:
    first = open_artifact(make_artifact("test", {"test.safetensors": "a"}))
    other = open_artifact(make_artifact("other", {"test.safetensors": "b"}))
    assert opened(first, "g1", "why") == 1
    file = own_state / "openings.jsonl"
    file.write_bytes(file.read_bytes() * 2)
    file.write_bytes(file.read_bytes()[:-20])
    assert [opened(first, "g2", "why"), opened(other, "g3", "why")] == [3, 2]
    assert json.loads(file.read_text().splitlines()[2])["graph"] == "g2"


def test_figures_without_a_value_are_not_available() -> None:
    figures = {"p99_ms": 1.5, "energy": {"mj": None}, "throughput": {"4": {"rate": 2.0}}}
    expected = {"p99_ms": "measured", "energy.mj": "not available", "throughput.4.rate": "measured"}
    assert provenance(figures, "measured") == expected


def test_words_are_no_figures() -> None:
    assert provenance({"what": "in float", "median": 0.5}, "measured") == {"median": "measured"}


def test_the_environment_names_the_cpu_its_kind_and_the_cores() -> None:
    found = environment()
    assert found["cpu_kind"] == this_cpu().kind
    assert found["cores_allowed"] >= 1


def test_the_cost_on_an_emulated_cpu_is_labelled_so_and_a_file_has_its_size_anywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpuinfo").write_text("model name : A Host\nflags : avx2 sve\n")  # no processor executes both
    monkeypatch.setattr("bedside.measurement.cpu.CPU_INFO", tmp_path / "cpuinfo")
    graph = OnnxRuntime().optimize(exported("fp32", 12))[0]
    found = Measurement(OnnxRuntime(), graph, graph, noise(3)).take(QUICK)
    assert found["environment"]["emulated"]
    assert [name for name, label in found["provenance"].items() if label == "measured"] == ["size_bytes"]
    assert found["provenance"]["latency.p99_ms"] == found["provenance"]["memory.peak_rss_mb"] == "emulated"


def test_what_a_graph_would_be_without_its_trick_is_timed_beside_it() -> None:
    target, other = OnnxRuntime(), plain(exported("int8", 12))
    assert other is not None
    graph = target.optimize(exported("int8", 12))[0]
    beside = Plain(other.kind, target.compiled(other.graph))
    found = Measurement(target, graph, graph, noise(3), without=beside).take(QUICK)
    assert found["latency"]["against_plain"]["kind"] == "float"
    assert found["provenance"]["latency.against_plain.median"] == "measured"
    assert "latency.against_plain.what" not in found["provenance"]
    alone = Measurement(target, graph, graph, noise(3)).take(QUICK)
    assert alone["latency"]["against_plain"] is None
    assert alone["provenance"]["latency.against_plain"] == "not available"


@pytest.mark.skipif(len(allowed_cores()) < 2, reason="needs two cores to choose from")
def test_pinning_narrows_the_cores_and_gives_them_back() -> None:
    before = os.sched_getaffinity(0)
    with pinned(1) as cores:
        assert os.sched_getaffinity(0) == set(cores)
        assert len(cores) == 1
    assert os.sched_getaffinity(0) == before


def test_the_edge_script_explains_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bedside.edge.run_once", "--help"], capture_output=True, text=True, check=True
    )
    assert "--run" in done.stdout
