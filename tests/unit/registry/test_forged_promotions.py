"""What was forged on its way to promotion, with seals that fit, reaches no alias: everything is judged again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bedside.artifacts import SEAL_KEY, ArtifactError, commit, open_artifact, staged
from bedside.errors import RefusedError
from bedside.registry import signing
from bedside.registry.log import PromotionLog
from tests.support import deployments, outside
from tests.support.deployments import Deployed, Maker, changed_gates, rewritten
from tests.support.promoting import MODEL, TARGET, aliases, promoted, registry, signed_off


def relabelled(path: Path, **labels: str) -> None:
    """An artifact with other labels in its manifest, and a seal that fits."""
    old = open_artifact(path)
    record = {name: value for name, value in old.manifest.items() if name not in ("files", "schema")}
    with staged(path) as staging:
        for name in old.manifest["files"]:
            shutil.copyfile(path / name, staging / name)
        commit(staging, path, {**record, "labels": labels})


def refused(deployed: Deployed, workspace: Path, **how: Any) -> str:
    """Promote it; the reason of its refusal, after which no alias leads to it."""
    decision = promoted([deployed], workspace / "decision", **how)
    assert decision["registered"] == []
    assert aliases() == {}
    return str(decision["refused"][0]["reason"])


def test_a_pass_that_was_written_over_a_fail_is_found_out(maker: Maker, workspace: Path) -> None:
    bad = maker.make("quantized", missed=0.2)
    good = open_artifact(maker.make("pruned").verdict).json("verdict.json")
    own = open_artifact(bad.verdict).json("verdict.json")
    passing = {**good, **{name: own[name] for name in ("deployment", "graph_sha256", "windows_digest")}}
    rewritten(bad.verdict, "verdict.json", **passing)
    assert refused(bad, workspace).startswith("the verdict says PASS, but judged again it is FAIL: ")


@pytest.mark.parametrize("part", ["graph", "evidence", "verdict"])
def test_labels_that_were_stripped_or_changed_are_found_out(workspace: Path, part: str) -> None:
    maker = Maker(workspace, source="simulated")
    deployed = maker.make("pruned")
    relabelled(getattr(deployed, part))
    assert "do not agree on `source`: " in refused(deployed, workspace)
    relabelled(getattr(deployed, part), source="mitdb-1.0.0")
    with pytest.raises(RefusedError, match="inputs with different labels meet here"):
        promoted([deployed], workspace / "decision")


def test_labels_inside_the_verdict_count_too(workspace: Path) -> None:
    deployed = Maker(workspace, source="simulated").make("pruned")
    rewritten(deployed.verdict, "verdict.json", labels={"source": "mitdb-1.0.0"})
    assert "verdict.json says mitdb-1.0.0" in refused(deployed, workspace)


def test_evidence_that_was_made_from_the_teachers_answers_is_found_out(maker: Maker, workspace: Path) -> None:
    """The evidence of the teacher under another graph's name, judged honestly."""
    deployed = maker.make("quantized", missed=0.2)
    teacher, own = open_artifact(deployed.reference), open_artifact(deployed.evidence).json("evidence.json")
    kept = {name: own[name] for name in ("deployment", "graph_sha256", "size_bytes", "audit")}
    with staged(deployed.evidence) as staging:
        shutil.copyfile(teacher / "predictions.safetensors", staging / "predictions.safetensors")
        (staging / "evidence.json").write_text(json.dumps({**teacher.json("evidence.json"), **kept}))
        commit(staging, deployed.evidence, {"component": "evaluate", "inputs": {}, "labels": teacher.labels})
    from components.gate import gate

    gate(
        evidence=deployed.evidence,
        reference=deployed.reference,
        verdict=deployed.verdict,
        gates=deployments.GATES,
        budget=deployments.BUDGET,
    )
    assert open_artifact(deployed.verdict).json("verdict.json")["verdict"] == "PASS"
    assert refused(deployed, workspace).startswith("its predictions are the teacher's, to the last bit")


def test_a_graph_that_takes_weights_from_another_file_is_refused(maker: Maker, workspace: Path) -> None:
    deployed = maker.make("pruned")
    old = open_artifact(deployed.graph)
    record = {name: value for name, value in old.manifest.items() if name not in ("files", "schema")}
    with staged(deployed.graph) as staging:
        shutil.copyfile(old / "run.json", staging / "run.json")
        (staging / "model.onnx").write_bytes(outside.hidden_in("a constant"))
        commit(staging, deployed.graph, record)
    assert "its graph takes weights from another file" in refused(deployed, workspace)


def test_a_verdict_by_other_gates_than_those_that_count_is_refused(maker: Maker, workspace: Path) -> None:
    deployed = maker.make("pruned", gates=changed_gates(G4={"floors": {"V": 0.1, "S": 0.1}}))
    assert "judged by other gates" in refused(deployed, workspace)


def test_figures_that_the_evidence_does_not_carry_are_found_out(maker: Maker, workspace: Path) -> None:
    deployed = maker.make("pruned")
    gates = open_artifact(deployed.verdict).json("verdict.json")["gates"]
    flattered = [
        {**gate, "values": {**gate["values"], "p99_ms": 0.001}} if gate["id"] == "G15" else gate for gate in gates
    ]
    rewritten(deployed.verdict, "verdict.json", gates=flattered)
    assert "in the verdict comes out otherwise" in refused(deployed, workspace)


def test_where_there_is_a_key_only_what_was_made_with_it_is_read(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = maker.make("pruned")
    monkeypatch.setenv(SEAL_KEY, "a key that only the stages know: 0123456789")
    with pytest.raises(ArtifactError, match="made without a key, and BEDSIDE_SEAL_KEY is set here"):
        promoted([forged], workspace / "decision")
    honest = Maker(workspace / "keyed").make("pruned")
    assert promoted([honest], workspace / "decision")["registered"]
    monkeypatch.setenv(SEAL_KEY, "another key, of somebody who may write: 0123456789")
    with pytest.raises(ArtifactError, match="made with another key"):
        promoted([honest], workspace / "again")
    monkeypatch.setenv(SEAL_KEY, "short")
    with pytest.raises(RefusedError, match="5 characters are too few"):
        open_artifact(honest.graph)


def test_a_graph_that_is_exchanged_before_it_is_signed_is_not_signed(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attacker waits for the moment at which the bundle's files are written."""
    deployed, bad = maker.make("pruned"), maker.make("quantized", missed=0.2)
    sign = signing.sign

    def exchanged(folder: Path, *given: Any) -> None:
        shutil.copyfile(bad.graph / "model.onnx", folder / "model.onnx")
        sign(folder, *given)

    monkeypatch.setattr(signing, "sign", exchanged)
    with pytest.raises(RefusedError, match="somebody changed it while it was signed, so its signature was removed"):
        promoted([deployed], workspace / "decision")
    assert aliases() == {}


def test_files_that_are_exchanged_while_a_promotion_waits_are_not_what_it_promotes(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bedside.registry.promotion import Promotion

    deployed, bad = maker.make("pruned"), maker.make("quantized", missed=0.2)
    requested = Promotion._requested

    def waiting(self: Promotion) -> dict[str, Any]:
        for part, file in (("graph", "model.onnx"), ("evidence", "evidence.json"), ("verdict", "verdict.json")):
            shutil.copyfile(getattr(bad, part) / file, getattr(deployed, part) / file)
        return requested(self)

    honest = (deployed.graph / "model.onnx").read_bytes()
    monkeypatch.setattr(Promotion, "_requested", waiting)
    promoted([deployed], workspace / "decision")
    assert (workspace / "decision/bundles/pruned/model.onnx").read_bytes() == honest


def test_a_bundle_that_is_exchanged_in_the_store_stops_the_promotion_before_any_alias_moves(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bedside.registry.models import Models

    promoted([maker.make("distilled", p99_ms=3.0)], workspace / "first")
    register = Models.register

    def exchanged(self: Models, run_id: str, place: str, *given: Any) -> str:
        client = registry()
        (workspace / "x").write_text("x")
        client.log_artifact(run_id, str(workspace / "x"), place)
        return register(self, run_id, place, *given)

    monkeypatch.setattr(Models, "register", exchanged)
    with pytest.raises(RefusedError, match="the signature does not fit"):
        promoted([maker.make("pruned", p99_ms=2.0)], workspace / "second")
    assert aliases() == {"challenger": "1", "champion": "1"}


def test_what_cannot_be_confirmed_is_undone(maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bedside.registry.models import Models

    promoted([maker.make("distilled", p99_ms=3.0)], workspace / "first")
    point = Models.point

    def exchanged(self: Models, alias: str, number: str) -> None:
        point(self, alias, number)
        version = registry().get_model_version(MODEL, number)
        (workspace / "x").write_text("x")
        registry().log_artifact(version.run_id, str(workspace / "x"), "bundles/pruned")

    with monkeypatch.context() as patched:
        patched.setattr(Models, "point", exchanged)
        with pytest.raises(RefusedError, match="the signature does not fit"):
            promoted([maker.make("pruned", p99_ms=2.0)], workspace / "second")
    assert aliases() == {"challenger": "1", "champion": "1"}
    last = PromotionLog().verify()[-1]
    assert (last["state"], last["aliases"]) == ("ABANDONED", {"challenger": "1", "champion": "1"})
    promoted([maker.make("combined", p99_ms=1.0)], workspace / "third")
    assert aliases()["champion"] == "3"


def test_other_gates_do_not_make_a_refusal_forgotten(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned", p99_ms=30.0)], workspace / "slow")
    tighter = changed_gates(G2={"patients": 11})
    decision = promoted([maker.make("pruned", p99_ms=1.0, gates=tighter)], workspace / "fast", gates=tighter)
    assert "PASSES NOW, WAS REFUSED BEFORE by other gates: FAIL" in decision["challenger"]["reason"]
    assert aliases() == {}


def test_parts_that_did_not_belong_together_say_nothing_of_the_graph(maker: Maker, workspace: Path) -> None:
    tighter = changed_gates(G2={"patients": 11})
    deployed = maker.make("pruned")
    refused_ = promoted([deployed], workspace / "not-judged-again", gates=tighter)["refused"]
    assert "judge it again" in refused_[0]["reason"]
    promoted([maker.make("pruned", gates=tighter)], workspace / "judged-again", gates=tighter)
    assert aliases() == {"challenger": "1", "champion": "1"}


def test_what_was_refused_and_passes_now_waits_for_a_reviewer_who_reads_why(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned", p99_ms=30.0)], workspace / "slow")
    decision = promoted([maker.make("pruned", p99_ms=1.0)], workspace / "fast")
    told = decision["challenger"]["reason"]
    assert told.startswith(f"pruned waits for a reviewer's sign-off (`bedside approve {TARGET} 1 --reviewer ADDRESS")
    assert "PASSES NOW, WAS REFUSED BEFORE by the same gates: FAIL" in told
    assert aliases() == {}
    version = registry().get_model_version(MODEL, "1")
    assert version.description.startswith("**PASSES NOW, WAS REFUSED BEFORE")
    assert version.tags["warning"].startswith("PASSES NOW")
    signed_off("1", "measured again on a quiet machine")
    signed_off("1", "measured again on a quiet machine", alias="challenger")
    assert aliases() == {"champion": "1", "challenger": "1"}
