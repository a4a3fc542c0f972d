"""A rollback ends: interrupted, overtaken or aimed at a damaged bundle, the next one still finds its way back."""

import shutil
from pathlib import Path

import pytest

from bedside.errors import RefusedError
from bedside.registry.going_back import GoingBack, roll_back
from bedside.registry.history import rolled_back
from bedside.registry.log import PromotionLog
from bedside.tracking import TrackingError
from tests.support.deployments import Maker
from tests.support.promoting import MODEL, TARGET, aliases, promoted, signed_off, stored


@pytest.fixture
def three(workspace: Path) -> Maker:
    """Three promotions, the last of which is champion."""
    maker = Maker(workspace)
    for i in range(3):
        promoted([maker.make(f"v{i}", p99_ms=3.0 - i)], workspace / f"decision{i}")
    return maker


def interrupted(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A rollback during which the registry goes away at `step`."""

    def away(*_: object) -> None:
        raise TrackingError("the registry went away")

    with monkeypatch.context() as patched:
        patched.setattr(GoingBack, step, away)
        with pytest.raises(RefusedError, match="the registry went away"):
            roll_back(TARGET, reason="alarm")


def gone() -> set[str]:
    return {name for name in rolled_back(PromotionLog().verify(), MODEL) if len(name) < 64}


def abandoned() -> list[str]:
    return [entry["reason"] for entry in PromotionLog().verify() if entry["state"] == "ABANDONED"]


@pytest.mark.usefixtures("three")
def test_a_rollback_that_was_interrupted_is_finished_first(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(monkeypatch, "_confirmed")
    assert roll_back(TARGET, reason="alarm") == ("champion", "3", "2")
    assert abandoned() == []


@pytest.mark.parametrize("step", ["_moved", "_confirmed"])
def test_a_rollback_that_a_promotion_overtook_is_abandoned_and_its_alarm_stands(
    three: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    interrupted(monkeypatch, step)
    promoted([three.make("v3", p99_ms=0.5)], workspace / "overtaking")
    assert roll_back(TARGET, reason="alarm on the new one") == ("champion", "4", "2")
    assert abandoned() == ["champion moved on from version 3 to 4"]
    assert gone() == {"3", "4"}


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("damage", ["altered", "emptied"])
def test_a_rollback_passes_over_a_damaged_bundle(damage: str) -> None:
    if damage == "altered":
        (stored("2") / "card.md").write_text("x")
    else:
        shutil.rmtree(stored("2"))
    assert roll_back(TARGET, reason="alarm") == ("champion", "3", "1")
    assert aliases()["champion"] == "1"
    assert gone() == {"3"}


@pytest.mark.usefixtures("three")
def test_a_bundle_damaged_after_the_alias_came_to_it_does_not_hold_the_rollback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupted(monkeypatch, "_confirmed")
    (stored("2") / "card.md").write_text("x")
    assert roll_back(TARGET, reason="alarm") == ("champion", "3", "1")
    assert gone() == {"3"}


@pytest.mark.usefixtures("three")
def test_where_every_earlier_bundle_is_damaged_the_error_names_them_and_the_alarm_stands() -> None:
    for number in ("1", "2"):
        (stored(number) / "card.md").write_text("x")
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"no earlier version is sound: version 2 \(.*\), version 1 \("):
            roll_back(TARGET, reason="alarm")
    assert aliases()["champion"] == "3"
    with pytest.raises(RefusedError, match=r"it was rolled back \(alarm\)"):
        signed_off("3", "the alarm was the monitor's")
