"""An alias leads to the very bundle that was judged: a signature of ours alone is not enough."""

import json
import shutil
from pathlib import Path

import pytest

from bedside.artifacts import sha256
from bedside.errors import RefusedError
from bedside.registry import signing
from bedside.registry.going_back import roll_back
from bedside.registry.log import PromotionLog
from bedside.registry.promotion import Promotion
from tests.support.deployments import Maker
from tests.support.promoting import MODEL, TARGET, aliases, promoted, registry, signed_off, stored


def replaced(number: str, bundle: Path) -> None:
    """Put another signed bundle where the registry keeps this version."""
    shutil.rmtree(stored(number))
    shutil.copytree(bundle, stored(number))


def test_the_log_says_which_bundle_and_which_graph_each_version_is(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned")], workspace / "decision")
    bundle = workspace / "decision/bundles/pruned"
    (signed,) = [entry for entry in PromotionLog().verify() if entry["state"] == "SIGNED"]
    assert signed["bundles"] == {"1": signing.digest(bundle)}
    assert signed["graphs"] == {"1": sha256(bundle / "model.onnx")}


def test_a_version_whose_tags_claim_the_bundle_of_another_is_not_taken_for_it(maker: Maker, workspace: Path) -> None:
    promoted([Maker(workspace / "simulated", source="simulated").make("pruned")], workspace / "first")
    real = maker.make("combined", p99_ms=0.5)
    promoted([real], workspace / "aside", sign_off=True)
    digest = signing.digest(workspace / "aside/bundles/combined")
    registry().set_model_version_tag(MODEL, "2", "facts", "{}")
    facts = json.loads(registry().get_model_version(MODEL, "1").tags["facts"])
    registry().set_model_version_tag(MODEL, "1", "facts", json.dumps({**facts, "bundle": digest}))
    decision = promoted([real], workspace / "second", sign_off=True, timeout=6)  # asked for anew
    assert [r["version"] for r in decision["registered"]] == ["3"]
    assert aliases() == {"challenger": "3"}


def test_another_bundle_of_ours_in_a_versions_place_is_refused(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned", p99_ms=2.0)], workspace / "first")
    promoted([maker.make("combined", p99_ms=1.0)], workspace / "second", sign_off=True)
    replaced("2", workspace / "first/bundles/pruned")
    with pytest.raises(RefusedError, match="version 2: its bundle and graph are not those that the log names"):
        signed_off("2", "looked")
    assert aliases()["champion"] == "1"
    assert PromotionLog().verify()[-1]["state"] == "REFUSED"


def test_a_promotion_does_not_confirm_a_champion_whose_bundle_was_exchanged(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned", p99_ms=2.0)], workspace / "first")
    promoted([maker.make("combined", p99_ms=1.0)], workspace / "second", sign_off=True)
    replaced("1", workspace / "second/bundles/combined")
    with pytest.raises(RefusedError, match="version 1: its bundle and graph are not those that the log names"):
        promoted([maker.make("distilled", p99_ms=0.5)], workspace / "third", sign_off=True)


def test_in_a_log_without_digests_of_bundles_graph_and_target_are_held_against_it(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = Promotion._signed

    def as_before(self: Promotion, *given: object) -> dict[str, object]:
        return {name: value for name, value in signed(self, *given).items() if name != "bundles"}  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(Promotion, "_signed", as_before)
    promoted([maker.make("pruned", "openvino-cpu")], workspace / "elsewhere")
    promoted([maker.make("pruned", p99_ms=2.0)], workspace / "first")
    promoted([maker.make("combined", p99_ms=1.0)], workspace / "second")
    replaced("1", workspace / "elsewhere/bundles/pruned")
    with pytest.raises(RefusedError, match="version 1: its target is not the one that the log names"):
        roll_back(TARGET, reason="alarm")
    replaced("1", workspace / "second/bundles/combined")
    with pytest.raises(RefusedError, match="version 1: its graph is not the one that the log names"):
        roll_back(TARGET, reason="alarm")
    replaced("1", workspace / "first/bundles/pruned")
    assert roll_back(TARGET, reason="alarm") == ("champion", "2", "1")
