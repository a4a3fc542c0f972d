import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bedside.edge.on_onnxruntime import OnnxRuntimeRunner
from bedside.errors import RefusedError
from bedside.gates import Budget, Gates
from bedside.measurement import Measure
from bedside.targets.onnxruntime import OnnxRuntime
from benchmarks.peers import torch_teacher
from benchmarks.peers.__main__ import judge_all, notes, own_variants, write
from benchmarks.peers.handout import Handout
from benchmarks.peers.judging import Judge
from benchmarks.peers.roster import HERE, PEERS, Peer
from benchmarks.peers.table import markdown
from components.evaluate import Evaluate
from tests.support.deployments import BUDGET, GATES
from tests.support.networks import INPUTS, dataset_artifact, exported, float_network, model_artifact, noise, shape

QUICK = Evaluate(measure=Measure(windows=2, runs=30, warmup=2, seconds=0.1, batches=(1,), processes=1), replicates=200)
SMALL = Peer("small", module="tests.unit.benchmarks.small_peer", own_python=False)


@pytest.fixture
def handout(tmp_path: Path) -> Path:
    folder = tmp_path / "handout-of-this-test"
    folder.mkdir()
    (folder / "teacher.onnx").write_bytes(exported("fp32", 12))
    (folder / "facts.json").write_text(json.dumps({"seconds": 0, "inputs": list(INPUTS)}))
    np.savez(folder / "calibration.npz", allow_pickle=False, **noise(40), label=np.zeros(40, np.int64))
    return folder


@pytest.fixture
def judge(tmp_path: Path, handout: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "home"))
    test = dataset_artifact(tmp_path / "test", "test")
    limits = Gates.model_validate(GATES), Budget.model_validate(BUDGET)
    return Judge(test, *limits, OnnxRuntime(), "onnxruntime-cpu", Handout(handout), tmp_path / "work", QUICK)


def test_a_toolkit_calls_the_torch_teacher_with_its_inputs_in_their_order(handout: Path, tmp_path: Path) -> None:
    network = float_network(12)
    shutil.copytree(model_artifact(tmp_path / "model", network, shape(12)).path, handout / "teacher")
    teacher, windows = torch_teacher.load(Handout(handout)), Handout(handout).calibration()
    with torch.no_grad():
        expected = network(**{name: torch.from_numpy(array) for name, array in windows.items()})
        assert torch.equal(teacher(*torch_teacher.example(Handout(handout), len(expected))), expected)
    torch_teacher.export(teacher, Handout(handout), tmp_path / "made.onnx")
    answers = OnnxRuntimeRunner((tmp_path / "made.onnx").read_bytes())(windows)
    np.testing.assert_allclose(answers, np.load(tmp_path / "made.expected.npy"), atol=1e-5)
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def row(name: str, path: Path) -> dict[str, Any]:
    told = {"peer": "small", "tool": "small 1.0", "name": name, "settings": "as documented", "path": path}
    return {**told, "error": None, "seconds": 1.0}


def test_what_was_made_is_judged_beside_the_teacher_and_what_cannot_be_run_becomes_a_row(
    judge: Judge, tmp_path: Path
) -> None:
    (tmp_path / "int8.onnx").write_bytes(exported("int8", 12))
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    rows = judge_all([row("int8", tmp_path / "int8.onnx"), row("broken", tmp_path / "broken.onnx")], judge)
    teacher, int8, broken = rows
    assert teacher["summary"].evidence["flips"]["all"]["harmful"] == 0
    assert int8["summary"].figure("size_bytes") == len(exported("int8", 12))
    assert int8["summary"].evidence["parity"]["kind"] == "int8"
    assert int8["summary"].evidence["latency"]["against_plain"]["kind"] == "float"
    assert teacher["summary"].evidence["latency"]["against_plain"] is None
    assert "cannot be used" in broken["error"]
    assert "summary" not in broken
    write(tmp_path / "peers", rows)
    text = (tmp_path / "peers.md").read_text()
    assert text == markdown(rows, notes(rows))
    made, failed = text.split("## What could not be done")
    assert "| small 1.0 | int8 |" in made
    assert "| small 1.0 | broken |" in failed
    assert "(times 1 to 2 that this workspace measured on them)" in text
    found = {r["name"]: r for r in json.loads((tmp_path / "peers.json").read_text())["rows"]}
    assert found["int8"]["gross"]["V"]["intervals"]["sensitivity"]["low"] is not None
    assert found["broken"]["error"] == broken["error"]


def test_judging_again_does_not_open_the_test_windows_again(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "int8.onnx").write_bytes(exported("int8", 12))
    again = [judge_all([row("int8", tmp_path / "int8.onnx")], judge)[1]["summary"] for _ in range(2)]
    assert again[0].evidence == again[1].evidence
    assert len((tmp_path / "home" / "openings.jsonl").read_text().splitlines()) == 2


def test_an_attempt_that_fails_is_a_row_with_the_first_line_of_the_error(handout: Path, tmp_path: Path) -> None:
    found = {r["name"]: r for r in SMALL.run(handout, tmp_path, 60)}
    assert found["copy"]["path"].read_bytes() == exported("fp32", 12)
    assert found["fail"]["error"] == "IndexError: no kernel for LSTM"
    assert found["nothing"]["error"] == "the toolkit reported success but wrote no file"
    assert found["slow"]["error"] is None


def out_of_time_in_its_last_attempt(handout: Path, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Where it worked, and the error of each attempt: started anew with more time until it came that far."""
    (handout / "facts.json").write_text(json.dumps({"seconds": 3600}))
    for limit in (3, 15, 60, 300):
        work = tmp_path / f"within-{limit}"
        (handout / "calls.txt").unlink(missing_ok=True)
        found = {r["name"]: r["error"] for r in SMALL.run(handout, work, limit)}
        assert found.get("slow", found.get("-")) == f"not done after {limit} s"
        if found.get("nothing", "not done").startswith("the toolkit reported"):
            return work, found
    pytest.fail("five minutes were not enough to start")


def test_a_peer_out_of_time_keeps_what_it_made_and_goes_on_there(handout: Path, tmp_path: Path) -> None:
    work, found = out_of_time_in_its_last_attempt(handout, tmp_path)
    assert found["copy"] is None
    (handout / "facts.json").write_text(json.dumps({"seconds": 0, "inputs": list(INPUTS)}))
    assert {r["name"]: r["error"] for r in SMALL.run(handout, work, 600)}["slow"] is None
    assert (handout / "calls.txt").read_text() == "copy\n"
    assert {r["error"] for r in replace(SMALL, module="no.longer.there").run(handout, work, 60) if r["path"]} == {None}


def test_a_peer_that_does_not_start_is_a_row(handout: Path, tmp_path: Path) -> None:
    (crashed,) = Peer("gone", module="benchmarks.peers.gone", own_python=False).run(handout, tmp_path, 60)
    assert "No module named benchmarks.peers.gone" in crashed["error"]
    (missing,) = Peer("absent").run(handout, tmp_path, 60)
    assert missing["error"].endswith("run with --install")


def test_every_peer_has_its_script_and_its_pinned_versions() -> None:
    for peer in PEERS.values():
        assert (HERE / f"{peer.name}.py").is_file()
        if peer.own_python:
            lines = [line for line in peer.requirements.read_text().splitlines() if not line.startswith("#")]
            assert lines
            assert all("==" in line for line in lines)


def test_a_variant_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("variants: {}")
    (tmp_path / "artifacts/optimized/onnxruntime-cpu/tiny").mkdir(parents=True)
    with pytest.raises(RefusedError, match="no tinny for onnxruntime-cpu; known: tiny"):
        own_variants(tmp_path / "artifacts", tmp_path / "params.yaml", ["tinny"])
