"""A sign-off holds the newest judgement of a graph and the newest author of a version against it."""

import json
from pathlib import Path
from typing import Any

import pytest

from bedside.errors import RefusedError
from bedside.registry.log import PromotionLog
from tests.support import deployments
from tests.support.deployments import Deployed, Maker
from tests.support.mlflow_store import database
from tests.support.promoting import TARGET, aliases, promoted, signed_off


def judged(maker: Maker, deployed: Deployed, gates: dict[str, Any]) -> Deployed:
    """The same evidence judged by other gates."""
    from components.gate import gate

    reference = maker.root / "evidence" / TARGET / "teacher"
    gate(
        evidence=deployed.evidence,
        reference=reference,
        verdict=deployed.verdict,
        gates=gates,
        budget=dict(deployments.BUDGET),
    )
    return deployed


def tightened() -> dict[str, Any]:
    gates: dict[str, Any] = json.loads(json.dumps(deployments.GATES))
    gates["G3"]["floors"]["V"] = {"gross": 0.999, "lower": 0.999}
    return gates


def test_a_graph_that_a_later_promotion_refused_is_not_signed_off(maker: Maker, workspace: Path) -> None:
    deployed = maker.make("pruned")
    promoted([deployed], workspace / "first", sign_off=True)
    promoted([judged(maker, deployed, tightened())], workspace / "tightened", sign_off=True)
    (refused,) = [entry for entry in PromotionLog().verify() if entry["state"] == "REFUSED"]
    assert set(refused) >= {"graph", "gates"}
    with pytest.raises(RefusedError, match=r"a later promotion refused its graph \(FAIL: .*G3"):
        signed_off("1", "looks good")
    assert aliases() == {"challenger": "1"}


def test_a_graph_that_passes_again_may_be_signed_off_again(maker: Maker, workspace: Path) -> None:
    deployed = maker.make("pruned")
    promoted([deployed], workspace / "first", sign_off=True)
    promoted([judged(maker, deployed, tightened())], workspace / "tightened", sign_off=True)
    promoted([judged(maker, deployed, deployments.GATES)], workspace / "again", sign_off=True)
    signed_off("1", "looks good")
    assert aliases() == {"challenger": "1", "champion": "1"}


def test_where_version_numbers_began_again_the_newest_author_counts(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_AUTHOR", "alice@example.org")
    promoted([maker.make("pruned")], workspace / "first", sign_off=True)
    (workspace / "new").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database(workspace / 'new')}")
    monkeypatch.setenv("BEDSIDE_AUTHOR", "bob@example.org")
    promoted([maker.make("combined")], workspace / "second", sign_off=True)
    assert aliases() == {"challenger": "1"}
    with pytest.raises(RefusedError, match=r"the reviewer is its author \(bob@example.org\)"):
        signed_off("1", "mine", "bob@example.org")


def test_what_nobody_in_particular_promoted_waits_until_somebody_did(
    maker: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = [maker.make("pruned")]
    monkeypatch.setenv("BEDSIDE_AUTHOR", "unknown")
    promoted(deployed, workspace / "first", sign_off=True)
    with pytest.raises(RefusedError, match=r"nobody knows who promoted it .*set BEDSIDE_AUTHOR where promote runs"):
        signed_off("1", "looked")
    monkeypatch.setenv("BEDSIDE_AUTHOR", "grace@example.org")
    promoted(deployed, workspace / "again", sign_off=True)
    signed_off("1", "looked")
    assert aliases() == {"challenger": "1", "champion": "1"}
