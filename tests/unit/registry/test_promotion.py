"""Promotion: only what passes is signed and registered, aliases go to the best, refusals are kept as carefully."""

from pathlib import Path

import pytest
from safetensors.numpy import load_file

from bedside.errors import RefusedError
from bedside.registry import keys, signing
from bedside.registry.going_back import roll_back
from bedside.registry.log import PromotionLog
from bedside.reporting import advice
from tests.support import deployments
from tests.support.deployments import Maker, changed_gates
from tests.support.promoting import MODEL, TARGET, aliases, promoted, registry, signed_off, states


def test_only_what_passes_is_signed_and_registered_and_the_rest_is_refused_in_words(
    maker: Maker, workspace: Path
) -> None:
    good, bad = maker.make("pruned"), maker.make("quantized", missed=0.2, p99_ms=0.1)
    decision = promoted([good, bad], workspace / "decision")
    assert [(r["variant"], r["aliases"]) for r in decision["registered"]] == [("pruned", ["challenger", "champion"])]
    (refusal,) = decision["refused"]
    assert refusal["variant"] == "quantized"
    assert refusal["reason"].startswith("FAIL: ")
    assert "V sensitivity" in refusal["reason"]
    bundles = workspace / "decision" / "bundles"
    assert [folder.name for folder in bundles.iterdir()] == ["pruned"]
    signing.verify(bundles / "pruned", keys.public_key())
    assert {f.name for f in (bundles / "pruned").iterdir()} == {
        "model.onnx", "run.json", "card.md", "verdict.json", "evidence.json", "predictions.safetensors", "model.sig",
    }  # fmt: skip
    assert states() == ["REQUESTED", "REFUSED", "GATES_PASSED", "SIGNED", "DECIDED", "ALIASED", "CONFIRMED"]


def test_a_reviewer_finds_verdict_figures_patients_and_pictures_on_the_versions_page(
    maker: Maker, workspace: Path
) -> None:
    promoted([maker.make("pruned")], workspace / "decision")
    client = registry()
    version = client.get_model_version_by_alias(MODEL, "challenger")
    for told in ("PASS: pruned", "sensitivity", "Patients who lost most", "kB", "not a medical"):
        assert told in version.description
    assert len(version.description) <= 5000
    assert version.tags["verdict"] == "PASS"
    assert version.tags["V sensitivity"].startswith("0.98")
    shown = {file.path for file in client.list_artifacts(version.run_id, "review/pruned")}
    assert shown == {
        f"review/pruned/{name}" for name in ("confusion.png", "flips.png", "index.html", "per_patient.png", "roc.png")
    }
    assert f"runs/{version.run_id}/artifacts/review/pruned/index.html" in version.description
    downloaded = Path(client.download_artifacts(version.run_id, "bundles/pruned", str(workspace)))
    signing.verify(downloaded, keys.public_key())
    assert "logits" in load_file(downloaded / "predictions.safetensors")


def test_nothing_that_passes_means_nothing_registered_and_says_so(maker: Maker, workspace: Path) -> None:
    decision = promoted([maker.make("quantized", missed=0.2)], workspace / "decision")
    assert decision["registered"] == []
    assert decision["challenger"] is None
    assert aliases() == {}
    assert states() == ["REQUESTED", "REFUSED", "CLOSED"]


def test_where_nothing_passes_the_decision_says_which_versions_the_aliases_keep(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned")], workspace / "first")
    decision = promoted([maker.make("quantized", missed=0.2)], workspace / "decision")
    assert decision["registered"] == []
    kept = "version 1: kept: no deployment of this promotion passes"
    assert advice(decision) == f"champion is {kept}; challenger is {kept}"
    assert promoted([maker.make("quantized", missed=0.2)], workspace / "again") == decision


def test_the_same_artifacts_promoted_twice_make_one_version_and_one_entry(maker: Maker, workspace: Path) -> None:
    deployed = [maker.make("pruned")]
    first = promoted(deployed, workspace / "decision")
    second = promoted(deployed, workspace / "again")
    assert first == second
    assert len(registry().search_model_versions(f"name = '{MODEL}'")) == 1
    assert states() == ["REQUESTED", "GATES_PASSED", "SIGNED", "DECIDED", "ALIASED", "CONFIRMED"]


def test_simulated_patients_never_make_a_champion(workspace: Path) -> None:
    simulated = Maker(workspace, source="simulated")
    decision = promoted([simulated.make("pruned")], workspace / "decision", sign_off=False)
    assert decision["champion"]["version"] is None
    assert "simulated data, which can never become champion" in decision["champion"]["reason"]
    assert aliases() == {"challenger": "1"}
    with pytest.raises(RefusedError, match="simulated data"):
        signed_off("1", "looks good")
    assert aliases() == {"challenger": "1"}
    assert "SIMULATED PATIENTS" in (workspace / "decision/bundles/pruned/card.md").read_text()


def test_a_simulated_challenger_does_not_displace_a_real_one(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned", p99_ms=3.0)], workspace / "decision")
    simulated = Maker(workspace / "simulated", source="simulated").make("combined", p99_ms=0.1)
    decision = promoted([simulated], workspace / "second")
    assert "simulated ones never displace it" in decision["challenger"]["reason"]
    assert aliases() == {"challenger": "1", "champion": "1"}


def test_the_fastest_that_passes_is_challenger_and_a_slower_one_does_not_displace_it(
    maker: Maker, workspace: Path
) -> None:
    teacher = maker.make("teacher", p99_ms=0.2, size=6_000_000)
    fast, slow = maker.make("combined", p99_ms=0.5), maker.make("pruned", p99_ms=2.0)
    first = promoted([teacher, slow, fast], workspace / "decision", sign_off=True)
    assert first["challenger"]["variant"] == "combined"
    assert "bedside approve onnxruntime-cpu" in first["champion"]["reason"]
    later = promoted([maker.make("distilled", p99_ms=1.0)], workspace / "later", sign_off=True)
    assert "stays: p99 0.5 ms against 1 ms of distilled" in later["challenger"]["reason"]
    assert aliases() == {"challenger": first["challenger"]["version"]}
    faster = promoted([maker.make("factorized", p99_ms=0.3)], workspace / "faster", sign_off=True)
    assert aliases() == {"challenger": faster["registered"][0]["version"]}


def test_a_version_that_is_inferior_to_the_champion_does_not_replace_it(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned", p99_ms=2.0)], workspace / "decision")
    loose = changed_gates(
        G5={"delta": {"V": 0.2, "S": 0.2}}, G7={"classes": {"V": 0.2, "S": 0.2}, "all": 0.2, "patient": 0.5}
    )
    loose["G5"]["macro_f1_ratio"] = 0.8
    worse = maker.make("combined", p99_ms=0.5, missed=0.04, gates=loose)
    promoted([worse], workspace / "second", gates=loose)
    with pytest.raises(RefusedError, match="inferior to champion version 1: "):
        signed_off("2", "it is faster")
    assert aliases() == {"champion": "1", "challenger": "1"}


def test_a_challenger_that_gave_up_a_claim_of_the_champion_does_not_replace_it(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned", p99_ms=2.0)], workspace / "decision")
    tight = changed_gates(G4={"floors": {**deployments.GATES["G4"]["floors"], "S": 0.999}})
    faster = maker.make("combined", p99_ms=0.5, gates=tight)
    decision = promoted([faster], workspace / "second", gates=tight)
    assert decision["champion"]["reason"] == "gives up the S claim of champion version 1"
    with pytest.raises(RefusedError, match="gives up the S claim of champion version 1"):
        signed_off("2", "it is faster")
    assert aliases() == {"champion": "1", "challenger": "2"}


def test_a_champion_of_another_test_set_cannot_be_compared_and_stays(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned")], workspace / "decision")
    other = Maker(workspace / "other", seed=1).make("combined", p99_ms=0.5)
    decision = promoted([other], workspace / "second")
    assert "not the same test windows" in decision["champion"]["reason"]
    assert aliases() == {"champion": "1", "challenger": "2"}


def test_a_reviewer_signs_off_and_the_author_may_not(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_AUTHOR", "grace@example.org")
    promoted([maker.make("pruned")], workspace / "decision", sign_off=True)
    with pytest.raises(RefusedError, match="the reviewer is its author"):
        signed_off("1", "mine", "Grace@example.org")
    with pytest.raises(RefusedError, match="no promotion in this workspace's log registered it"):
        signed_off("7", "never seen")
    assert aliases() == {"challenger": "1"}
    signed_off("1", "flips looked at, none harmful")
    assert aliases() == {"challenger": "1", "champion": "1"}
    assert states().count("REFUSED") == 2
    assert (
        PromotionLog().verify()[-2]["aliases"]["champion"]["reason"].startswith("signed off by ada@example.org: flips")
    )


def test_rollback_goes_back_step_by_step_and_what_was_left_does_not_come_back(maker: Maker, workspace: Path) -> None:
    deployed = [maker.make(f"v{i}", p99_ms=3.0 - i) for i in range(3)]
    for i, each in enumerate(deployed):
        promoted([each], workspace / f"decision{i}")
    assert aliases() == {"challenger": "3", "champion": "3"}
    assert roll_back(TARGET, reason="alarm on ward 3") == ("champion", "3", "2")
    assert roll_back(TARGET, reason="still") == ("champion", "2", "1")
    assert aliases() == {"challenger": "3", "champion": "1"}
    with pytest.raises(RefusedError, match="nothing to roll back to"):
        roll_back(TARGET, reason="once more")
    assert registry().get_model_version(MODEL, "3").tags["rolled back"] == "alarm on ward 3"
    again = promoted([deployed[2]], workspace / "again")
    assert again["champion"]["version"] == "1"
    with pytest.raises(RefusedError, match="it was rolled back"):
        signed_off("3", "try again")


def test_a_graph_that_was_rolled_back_does_not_come_back_with_new_evidence(maker: Maker, workspace: Path) -> None:
    for i in range(2):
        promoted([maker.make(f"v{i}", p99_ms=3.0 - i)], workspace / f"decision{i}")
    roll_back(TARGET, reason="alarm on ward 3")
    registry().delete_model_version_tag(MODEL, "2", "rolled back")
    again = promoted([maker.make("v1", p99_ms=1.0)], workspace / "again")
    assert [(r["version"], r["aliases"]) for r in again["registered"]] == [("3", [])]
    assert aliases() == {"challenger": "2", "champion": "1"}
    for number in ("2", "3"):
        with pytest.raises(RefusedError, match=r"it was rolled back \(alarm on ward 3\); promote another graph"):
            signed_off(number, "measured again")


def test_a_challenger_that_was_rolled_back_gives_way_to_a_slower_one(maker: Maker, workspace: Path) -> None:
    for i in range(2):
        promoted([maker.make(f"v{i}", p99_ms=3.0 - i)], workspace / f"decision{i}")
    promoted([maker.make("v1", p99_ms=1.0)], workspace / "measured-again", sign_off=True)
    assert aliases() == {"challenger": "3", "champion": "2"}
    roll_back(TARGET, reason="alarm on ward 3")
    promoted([maker.make("v2", p99_ms=2.5)], workspace / "slower", sign_off=True)
    assert aliases() == {"challenger": "4", "champion": "1"}


def test_a_rollback_never_returns_to_the_graph_that_it_leaves(maker: Maker, workspace: Path) -> None:
    for i, (variant, p99) in enumerate([("v0", 3.0), ("v1", 2.0), ("v1", 1.0)]):
        promoted([maker.make(variant, p99_ms=p99)], workspace / f"decision{i}")
    assert aliases() == {"challenger": "3", "champion": "3"}
    assert roll_back(TARGET, reason="alarm on ward 3") == ("champion", "3", "1")


def test_a_rollback_to_a_bundle_that_was_tampered_with_is_refused(maker: Maker, workspace: Path) -> None:
    for i in range(2):
        promoted([maker.make(f"v{i}", p99_ms=3.0 - i)], workspace / f"decision{i}")
    run = registry().get_model_version(MODEL, "1").run_id
    stored = next((workspace / "mlartifacts").glob(f"*/{run}/artifacts/bundles/v0/model.onnx"), None) or next(
        (workspace / "mlartifacts").glob(f"{run}/artifacts/bundles/v0/model.onnx")
    )
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    with pytest.raises(RefusedError, match="the signature does not fit"):
        roll_back(TARGET, reason="alarm")
    assert aliases()["champion"] == "2"
