"""Candidates: graph, evidence and verdict are held against each other before anything is signed."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from bedside.artifacts import commit, open_artifact, staged
from bedside.errors import RefusedError
from bedside.registry import Candidate, candidates
from tests.support.deployments import Deployed, Maker, rewritten, yardstick


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BEDSIDE_FLUSH", "off")
    return Maker(tmp_path)


def opened(deployed: Sequence[Deployed]) -> list[Candidate]:
    graphs, evidence, verdicts = (
        [open_artifact(getattr(d, name)) for d in deployed] for name in ("graph", "evidence", "verdict")
    )
    return candidates(graphs, evidence, verdicts, yardstick(deployed[0]))


def objection(deployed: Deployed) -> str:
    return str(opened([deployed])[0].objection())


def test_nothing_speaks_against_what_passes_and_the_verdict_against_what_does_not(maker: Maker) -> None:
    assert objection(maker.make("pruned")) == "None"
    assert objection(maker.make("quantized", missed=0.2)).startswith("FAIL: It finds too few V beats: ")


@pytest.mark.parametrize(
    ("artifact", "file", "changes", "told"),
    [
        ("evidence", "evidence.json", {"accuracy": 0.999}, "given on other evidence"),
        ("verdict", "verdict.json", {"graph_sha256": "0" * 64}, "not the same graph"),
        ("verdict", "verdict.json", {"deployment": {"variant": "x", "target": "y"}}, "the verdict about"),
        ("verdict", "verdict.json", {"gates": []}, "does not name gates G1, G2"),
        ("verdict", "verdict.json", {"claims": {}}, "claims no class"),
        ("verdict", "verdict.json", {"verdict": "pass"}, "pass:"),
        ("verdict", "verdict.json", {"verdict": None}, "None:"),
    ],
)
def test_artifacts_that_do_not_belong_together_are_refused(
    maker: Maker, artifact: str, file: str, changes: dict[str, object], told: str
) -> None:
    deployed = maker.make("pruned")
    rewritten(getattr(deployed, artifact), file, **changes)
    assert told in objection(deployed)


def test_another_graph_than_the_measured_one_is_refused(maker: Maker) -> None:
    deployed = maker.make("pruned")
    maker.graph("pruned", "onnxruntime-cpu", 123)
    assert "not the same graph" in objection(deployed)


def test_a_pass_that_its_own_gates_do_not_carry_is_refused(maker: Maker) -> None:
    failing = maker.make("quantized", missed=0.2)
    claims = {"V": {"status": "PASS", "reason": "", "required": True}}
    rewritten(failing.verdict, "verdict.json", verdict="PASS", claims=claims)
    assert "says PASS but gate G3" in objection(failing)


def test_a_pass_that_leaves_a_gate_out_is_refused(maker: Maker) -> None:
    deployed = maker.make("pruned")
    gates = open_artifact(deployed.verdict).json("verdict.json")["gates"]
    rewritten(deployed.verdict, "verdict.json", gates=[gate for gate in gates if gate["id"] not in ("G7", "G15")])
    assert objection(deployed) == "the verdict says PASS but does not name gates G7, G15; judge it again"


@pytest.mark.parametrize(
    ("artifact", "component"), [("verdict", "gate"), ("evidence", "evaluate"), ("graph", "optimize")]
)
def test_an_artifact_that_another_stage_made_is_refused(maker: Maker, artifact: str, component: str) -> None:
    deployed = maker.make("pruned")
    old = open_artifact(getattr(deployed, artifact))
    record = {name: value for name, value in old.manifest.items() if name not in ("files", "schema")}
    with staged(old.path) as staging:
        for name in old.manifest["files"]:
            shutil.copyfile(old / name, staging / name)
        commit(staging, old.path, {**record, "component": "sparsify"})
    assert objection(deployed) == f"the {artifact} was made by sparsify, not by {component}"


def test_candidates_judged_by_different_gates_are_refused(maker: Maker) -> None:
    one, other = maker.make("pruned"), maker.make("combined")
    rewritten(other.verdict, "verdict.json", gates_digest="1" * 64)
    with pytest.raises(RefusedError, match=r"different gates: pruned by [0-9a-f]{12}, combined by 111111111111;"):
        opened([one, other])


def test_candidates_judged_against_different_references_are_refused(maker: Maker) -> None:
    one = maker.make("pruned")
    maker.make("teacher", p99_ms=5.0)
    other = maker.make("combined")
    with pytest.raises(RefusedError, match=r"different references: pruned by [0-9a-f]{12}, combined by [0-9a-f]{12};"):
        opened([one, other])


def test_half_written_reports_and_lists_that_do_not_match_stop_everything(maker: Maker) -> None:
    good, broken = maker.make("pruned"), maker.make("distilled")
    with pytest.raises(RefusedError, match="given twice: pruned"):
        opened([good, good])
    with pytest.raises(RefusedError, match="promotion is per target"):
        opened([good, maker.make("combined", "openvino-cpu")])
    content = open_artifact(broken.verdict).json("verdict.json")
    del content["claims"]
    with staged(broken.verdict) as staging:
        (staging / "verdict.json").write_text(json.dumps(content))
        commit(staging, broken.verdict, {"component": "gate", "inputs": {}, "labels": {}})
    with pytest.raises(RefusedError, match=r"verdict\.json: no claims in it"):
        opened([good, broken])
    graphs = [open_artifact(good.graph)]
    with pytest.raises(RefusedError, match="1 graphs, 0 evidence"):
        candidates(graphs, [], [], yardstick(good))
