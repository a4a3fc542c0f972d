"""An alias that was moved in MLflow itself is told in the log, once, and leads nobody anywhere."""

from pathlib import Path

import pytest

from bedside import cli
from bedside.registry.going_back import roll_back
from bedside.registry.log import Entry, PromotionLog
from tests.support.deployments import Maker
from tests.support.promoting import MODEL, TARGET, aliases, promoted, registry, signed_off


def by_hand(number: str, alias: str = "champion") -> None:
    registry().set_registered_model_alias(MODEL, alias, number)


def told() -> list[str]:
    entries: list[Entry] = PromotionLog().verify()
    return [entry["reason"] for entry in entries if entry["state"] == "MOVED"]


def moved(from_: str, to: str, alias: str = "champion") -> str:
    return f"{alias} was moved from version {from_} to {to} past this log: find out who did it, and why"


@pytest.fixture
def two(workspace: Path) -> Maker:
    """Two promotions; champion and challenger are version 2."""
    maker = Maker(workspace)
    for i in range(2):
        promoted([maker.make(f"v{i}", p99_ms=3.0 - i)], workspace / f"decision{i}")
    assert aliases() == {"champion": "2", "challenger": "2"}
    assert told() == []
    return maker


def test_moves_by_hand_are_told_by_the_next_promotion_and_by_bedside_log(
    two: Maker, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand("1")
    promoted([two.make("v2", p99_ms=1.0)], workspace / "third")
    assert told() == [moved("2", "1")]
    by_hand("1")
    by_hand("2")
    promoted([two.make("v3", p99_ms=0.5)], workspace / "fourth")
    assert told() == [moved("2", "1"), moved("3", "2")]
    capsys.readouterr()
    cli.main(["log"])
    assert [line.split("reason: ")[1] for line in capsys.readouterr().out.splitlines() if " MOVED " in line] == told()


@pytest.mark.usefixtures("two")
def test_a_rollback_tells_the_move_and_goes_back_to_what_was_signed() -> None:
    by_hand("1")
    assert roll_back(TARGET, alias="challenger", reason="alarm") == ("challenger", "2", "1")
    assert told() == [moved("2", "1")]


@pytest.mark.usefixtures("two")
def test_a_sign_off_tells_the_move() -> None:
    by_hand("1")
    signed_off("2", "looked at it")
    assert told() == [moved("2", "1")]
    assert aliases()["champion"] == "2"


def test_a_move_is_told_once_and_the_way_back_is_another(two: Maker, workspace: Path) -> None:
    by_hand("1")
    promoted([two.make("bad", missed=0.2)], workspace / "third")  # refused: no alias moves
    promoted([two.make("worse", missed=0.3)], workspace / "fourth")
    assert told() == [moved("2", "1")]
    by_hand("2")
    promoted([two.make("worst", missed=0.4)], workspace / "fifth")
    assert told() == [moved("2", "1"), moved("1", "2")]
