import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
from safetensors.numpy import load_file, save_file

from bedside.artifacts import Artifact, commit, open_artifact, staged
from bedside.errors import RefusedError
from bedside.lineage import Deployment
from bedside.measurement import Measure
from bedside.measurement.cpu import this_cpu
from bedside.measurement.remembered import FACTS, LOGITS
from components.evaluate import Evaluate, evaluate
from components.optimize import optimize
from tests.conftest import MakeArtifact
from tests.support.adaptive import exported as pair
from tests.support.networks import INPUTS, Kind, dataset_artifact, exported
from tests.support.outside import moved_out

QUICK = Evaluate(
    measure=Measure(windows=2, runs=30, warmup=2, seconds=0.2, batches=(1, 4), processes=1), replicates=200, sampled=16
)
PARITY = {"kind": "int8", "max_abs_difference": 0.01, "label_changes": 0, "windows": 60}
COMPLEXITY = {"parameters": 5, "macs": 10, "macs_short_path": 2, "activation_peak_bytes": 20}
PICTURES = {"confusion.png", "per_patient.png", "flips.png"}


class Bench:
    """Optimized graphs and a test artifact, ready to evaluate."""

    def __init__(self, folder: Path, make: MakeArtifact) -> None:
        self.folder, self.make = folder, make
        self.test = dataset_artifact(folder / "test", "test")

    def optimized(self, kind: Kind, runtime: str, file: bytes | None = None) -> Artifact:
        name = f"{kind}-{runtime}" if file is None else f"other-{runtime}"
        files = {"parity.json": json.dumps(PARITY), "complexity.json": json.dumps(COMPLEXITY)}
        graph = self.make(f"graph-{name}", {"model.onnx": file or exported(kind, 12), **files}, source="simulated")
        optimize(graph=graph, optimized=self.folder / name, target={"kind": runtime})
        return open_artifact(self.folder / name)

    def evaluate(
        self, graph: Artifact, reference: Artifact, runtime: str, **target: str
    ) -> tuple[Artifact, dict[str, float]]:
        metrics = evaluate(
            test=self.test.path,
            graph=graph.path,
            reference=reference.path,
            evidence=self.folder / "evidence",
            deployment=Deployment(variant="small", target="bench"),
            target={"kind": runtime, **target},
            params=QUICK,
        )
        return open_artifact(self.folder / "evidence"), metrics


@pytest.fixture
def bench(tmp_path: Path, make_artifact: MakeArtifact) -> Bench:
    return Bench(tmp_path, make_artifact)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_graph_with_weights_in_another_file_is_refused_before_the_test_set_is_opened(
    bench: Bench, runtime: str, own_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = bench.optimized("fp32", runtime)
    monkeypatch.chdir(bench.folder)
    for number, file in enumerate(moved_out((sound / "model.onnx").read_bytes(), bench.folder)):
        files = {name: (sound / name).read_bytes() for name in sound.manifest["files"]}
        graph = open_artifact(bench.make(f"outside-{number}", files | {"model.onnx": file}, source="simulated"))
        with pytest.raises(RefusedError, match=rf"outside-{number}/model.onnx takes weights from another file"):
            bench.evaluate(graph, sound, runtime)
        with pytest.raises(RefusedError, match="takes weights from another file"):
            optimize(graph=graph.path, optimized=bench.folder / "again", target={"kind": runtime})
    assert not (own_state / "openings.jsonl").exists()


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_evidence_holds_the_clinical_part_the_cost_and_the_very_bytes_it_is_about(bench: Bench, runtime: str) -> None:
    graph, reference = bench.optimized("int8", runtime), bench.optimized("fp32", runtime)
    artifact, metrics = bench.evaluate(graph, reference, runtime)
    found: dict[str, Any] = artifact.json("evidence.json")
    assert found["deployment"] == {"variant": "small", "target": "bench"}
    assert found["graph_sha256"] == hashlib.sha256((graph / "model.onnx").read_bytes()).hexdigest()
    assert found["reference_sha256"] == hashlib.sha256((reference / "model.onnx").read_bytes()).hexdigest()
    assert found["target"]["runtime"] == runtime
    assert sum(np.sum(table) for table in found["tables"].values()) == 200
    assert found["audit"] == graph.json("audit.json")
    assert found["parity"] == graph.json("parity.json")
    assert found["parity"].items() > PARITY.items()
    assert found["complexity"] == COMPLEXITY
    assert found["proof"] == bench.test.json("dataset.json")["proof"]
    assert found["size_bytes"] == (graph / "model.onnx").stat().st_size
    for figure in ("latency.p99_ms", "memory.peak_rss_mb", "size_bytes", "macro_f1"):
        assert found["provenance"][figure] == "measured"
    assert found["provenance"]["complexity.macs"] == "estimated"
    assert found["latency"]["against_plain"]["kind"] == "float"
    assert metrics["latency/against_plain"] == found["latency"]["against_plain"]["median"] > 0
    assert found["provenance"]["latency.against_plain.median"] == "measured"
    assert found["environment"]["cpu_kind"] == this_cpu().kind
    assert metrics["latency/p99_ms"] == found["latency"]["p99_ms"] > 0
    assert set(artifact.manifest["files"]) >= PICTURES


def test_predictions_are_what_the_deployed_bytes_answer_window_by_window(bench: Bench) -> None:
    graph = bench.optimized("int8", "onnxruntime")
    artifact, _ = bench.evaluate(graph, graph, "onnxruntime")
    told, windows = load_file(artifact / "predictions.safetensors"), load_file(bench.test / "test.safetensors")
    from bedside.edge.on_onnxruntime import OnnxRuntimeRunner

    runner = OnnxRuntimeRunner((graph / "model.onnx").read_bytes())
    for row in (0, 99, 199):
        expected = runner({name: windows[name][row : row + 1] for name in INPUTS})[0]
        np.testing.assert_allclose(told["logits"][row], expected, atol=1e-5)
    for name in ("label", "record", "patient", "sample"):
        np.testing.assert_array_equal(told[name], windows[name])


def test_a_graph_beside_itself_flips_nothing_and_every_opening_of_the_test_set_counts(
    bench: Bench, own_state: Path
) -> None:
    graph = bench.optimized("fp32", "onnxruntime")
    counts = []
    for _ in range(2):
        artifact, _ = bench.evaluate(graph, graph, "onnxruntime")
        found = artifact.json("evidence.json")
        counts.append(found["test"]["openings"])
        assert found["flips"]["all"]["harmful"] == found["flips"]["all"]["beneficial"] == 0
    assert counts == [1, 2]
    assert len((own_state / "openings.jsonl").read_text().splitlines()) == 2


def test_the_teachers_answers_are_remembered_under_the_code_that_gave_them(bench: Bench, own_state: Path) -> None:
    bench.evaluate(bench.optimized("int8", "onnxruntime"), bench.optimized("fp32", "onnxruntime"), "onnxruntime")
    (memory,) = (own_state / "answers").iterdir()
    assert open_artifact(memory).manifest["follows_from"]["code"] == evaluate.code({"kind": "onnxruntime"}, QUICK)


def test_the_teacher_is_judged_by_what_it_answers_now_whatever_is_remembered(bench: Bench, own_state: Path) -> None:
    graph = bench.optimized("fp32", "onnxruntime")
    bench.evaluate(graph, graph, "onnxruntime")
    (memory,) = (own_state / "answers").iterdir()
    told, record = load_file(memory / LOGITS), open_artifact(memory)
    with staged(memory) as staging:
        save_file({"logits": -told["logits"]}, staging / LOGITS)
        (staging / FACTS).write_text((record / FACTS).read_text())
        commit(staging, memory, {"follows_from": record.manifest["follows_from"], "labels": {}})
    artifact, _ = bench.evaluate(graph, graph, "onnxruntime")
    assert artifact.json("evidence.json")["flips"]["all"]["harmful"] == 0


def test_two_networks_in_one_graph_are_timed_beside_the_second_alone(bench: Bench) -> None:
    graph, reference = bench.optimized("fp32", "onnxruntime", pair("cascade")), bench.optimized("fp32", "onnxruntime")
    artifact, metrics = bench.evaluate(graph, reference, "onnxruntime")
    found = artifact.json("evidence.json")
    against, rate = found["latency"]["against_plain"], found["adaptive"]["switch_rate"]
    assert against["kind"] == "second"
    assert "the second network alone" in against["what"]
    assert against["median"] == metrics["latency/against_plain"] > 0
    assert 0 < rate < 1
    assert found["adaptive"]["expected_macs"] == 2 + rate * 8


def test_a_float_network_is_timed_beside_nothing_and_the_evidence_says_so(bench: Bench) -> None:
    graph = bench.optimized("fp32", "onnxruntime")
    artifact, metrics = bench.evaluate(graph, graph, "onnxruntime")
    assert artifact.json("evidence.json")["latency"]["against_plain"] is None
    assert "latency/against_plain" not in metrics


def test_a_target_that_names_another_kind_of_cpu_is_refused_before_the_test_set_is_opened(
    bench: Bench, own_state: Path
) -> None:
    graph = bench.optimized("fp32", "onnxruntime")
    with pytest.raises(RefusedError, match=rf"bench asks for times on mips msa .*this CPU is {this_cpu().kind}"):
        bench.evaluate(graph, graph, "onnxruntime", cpu="mips msa")
    assert not (own_state / "openings.jsonl").exists()
    artifact, _ = bench.evaluate(graph, graph, "onnxruntime", cpu=this_cpu().kind)
    assert artifact.json("evidence.json")["target"]["cpu"] == this_cpu().kind


def test_the_teachers_answers_are_remembered_for_a_kind_of_cpu_and_not_for_a_models_name(
    bench: Bench, own_state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    graph, flags = bench.optimized("fp32", "onnxruntime"), " ".join(this_cpu().instruction_sets)
    for name in ("One Chip", "Another Chip"):
        (tmp_path / "cpuinfo").write_text(f"model name : {name}\nflags : {flags}\n")
        monkeypatch.setattr("bedside.measurement.cpu.CPU_INFO", tmp_path / "cpuinfo")
        artifact, _ = bench.evaluate(graph, graph, "onnxruntime")
        assert artifact.json("evidence.json")["environment"]["cpu"] == name
    (memory,) = (own_state / "answers").iterdir()
    assert open_artifact(memory).manifest["follows_from"]["cpu"] == [this_cpu().kind, False]


def test_a_graph_that_learned_from_other_patients_than_the_proof_is_about_is_refused(
    bench: Bench, make_artifact: MakeArtifact
) -> None:
    graph = bench.optimized("fp32", "onnxruntime")
    files = {name: (graph / name).read_bytes() for name in graph.manifest["files"]}
    elsewhere, here = (open_artifact(make_artifact(f"by-{who}", files, learned_from=who)) for who in ("a", "b"))
    with pytest.raises(RefusedError, match=r"learned_from is .* the same split"):
        bench.evaluate(elsewhere, here, "onnxruntime")


def test_a_bound_from_a_handful_of_replicates_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="replicates"):
        Evaluate(replicates=199)
