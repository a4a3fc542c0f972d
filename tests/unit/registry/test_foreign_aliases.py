"""An alias that was moved in MLflow itself is foreign: said, never confirmed, and never a way back."""

from pathlib import Path

import pytest

from bedside import cli
from bedside.errors import RefusedError
from bedside.registry.going_back import restore, roll_back
from bedside.registry.log import PromotionLog
from bedside.registry.standing import ForeignError
from tests.support.deployments import Maker
from tests.support.mlflow_store import database
from tests.support.promoting import MODEL, TARGET, aliases, promoted, registry, signed_off, states


def by_hand(number: str, alias: str = "champion") -> None:
    registry().set_registered_model_alias(MODEL, alias, number)


def told() -> list[str]:
    return [entry["reason"] for entry in PromotionLog().verify() if entry["state"] == "FOREIGN"]


def foreign(found: str, stands: str, alias: str = "champion") -> str:
    return f"{MODEL}: {alias} is FOREIGN, at version {found} in the registry; this log confirmed version {stands}"


@pytest.fixture
def two(workspace: Path) -> Maker:
    """Two promotions; champion and challenger are version 2."""
    maker = Maker(workspace)
    for i in range(2):
        promoted([maker.make(f"v{i}", p99_ms=3.0 - i)], workspace / f"decision{i}")
    assert aliases() == {"champion": "2", "challenger": "2"}
    assert told() == []
    return maker


@pytest.fixture
def simulated(two: Maker) -> str:
    """The number of a version that was made from simulated patients, beside real ones."""
    made = Maker(two.root / "simulated", source="simulated").make("combined", p99_ms=0.1)
    decision = promoted([made], two.root / "simulated-decision", sign_off=True)
    assert aliases() == {"champion": "2", "challenger": "2"}
    return str(decision["registered"][0]["version"])


def test_a_champion_that_was_moved_to_a_simulated_version_is_never_confirmed(
    two: Maker, simulated: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand(simulated)
    confirmed = states().count("CONFIRMED")
    for _ in range(2):
        with pytest.raises(ForeignError, match=r"find out who, and why\. `bedside restore onnxruntime-cpu`"):
            promoted([two.make("v2", p99_ms=1.0)], workspace / "third")
    assert told() == [foreign(simulated, "2")]
    assert states().count("CONFIRMED") == confirmed
    assert f"bedside: {foreign(simulated, '2')}" in capsys.readouterr().err
    assert roll_back(TARGET, reason="alarm") == ("champion", "2", "1")
    assert aliases()["champion"] == "1"


def test_a_version_that_was_registered_by_hand_is_neither_confirmed_nor_signed_off(two: Maker, workspace: Path) -> None:
    version = registry().get_model_version(MODEL, "1")
    made = registry().create_model_version(MODEL, version.source, version.run_id, tags=dict(version.tags))
    by_hand(str(made.version))
    with pytest.raises(ForeignError):
        promoted([two.make("v2", p99_ms=1.0)], workspace / "third")
    with pytest.raises(RefusedError, match="no promotion in this workspace's log registered it"):
        signed_off(str(made.version))
    assert restore(TARGET) == [("champion", str(made.version), "2")]
    assert aliases() == {"champion": "2", "challenger": "2"}
    promoted([two.make("v2", p99_ms=1.0)], workspace / "third")
    assert aliases()["champion"] == "4"


def test_what_the_log_never_confirmed_is_taken_away_again(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned")], workspace / "decision", sign_off=True)
    by_hand("1")
    with pytest.raises(ForeignError, match=r"champion is FOREIGN, at version 1 in the registry; this log never"):
        promoted([maker.make("combined", p99_ms=0.5)], workspace / "second", sign_off=True)
    assert restore(TARGET) == [("champion", "1", None)]
    assert aliases() == {"challenger": "1"}
    assert restore(TARGET) == []


@pytest.mark.usefixtures("two")
def test_an_alias_that_was_taken_away_comes_back() -> None:
    registry().delete_registered_model_alias(MODEL, "champion")
    assert restore(TARGET, alias="champion") == [("champion", None, "2")]
    assert aliases() == {"champion": "2", "challenger": "2"}


def test_what_was_rolled_back_is_not_restored(two: Maker, workspace: Path) -> None:
    roll_back(TARGET, reason="alarm on ward 3")
    by_hand("2")
    with pytest.raises(ForeignError):
        promoted([two.make("v2", p99_ms=1.0)], workspace / "third")
    with pytest.raises(RefusedError, match=r"rolled back \(alarm on ward 3\)"):
        signed_off("2")
    assert restore(TARGET) == [("champion", "2", "1")]


@pytest.mark.usefixtures("two")
def test_the_check_of_the_log_says_who_is_where(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["log", "--verify"])
    assert f"{MODEL}: champion is version 2, promoted by grace@example.org" in capsys.readouterr().out
    by_hand("1")
    with pytest.raises(SystemExit) as ended:
        cli.main(["log", "--verify"])
    assert ended.value.code == 1
    assert f"WRONG: {foreign('1', '2')}" in capsys.readouterr().out
    cli.main(["log", "--verify", "--offline"])
    assert "FOREIGN" not in capsys.readouterr().out


def test_a_sign_off_ends_the_foreign_state(simulated: str) -> None:
    by_hand(simulated)
    signed_off("1", "the older one after all")
    assert aliases()["champion"] == "1"
    assert told() == [foreign(simulated, "2")]
    assert restore(TARGET) == []


def test_an_alias_moved_while_a_promotion_is_going_on_is_not_confirmed_either(
    two: Maker, simulated: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bedside.registry.promotion import Promotion

    decided = Promotion._decided

    def while_deciding(self: Promotion, *given: object) -> dict[str, object]:
        by_hand(simulated)
        return decided(self, *given)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(Promotion, "_decided", while_deciding)
    with pytest.raises(RefusedError, match=r"champion (moved|is version)"):
        promoted([two.make("v2", p99_ms=1.0)], workspace / "third", sign_off=True)
    assert aliases()["challenger"] == "2"
    assert PromotionLog().verify()[-1]["state"] == "ABANDONED"


def test_a_registry_that_lost_everything_is_said_and_begins_again(
    two: Maker, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    roll_back(TARGET, reason="alarm on ward 3")
    (workspace / "new").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database(workspace / 'new')}")
    promoted([two.make("v2", p99_ms=1.0)], workspace / "third")
    assert aliases() == {"champion": "1", "challenger": "1"}
    assert "the registry knows no such model any more" in capsys.readouterr().err
    again = promoted([two.make("v1", p99_ms=0.1)], workspace / "fourth")
    assert [r["aliases"] for r in again["registered"]] == [[]]  # the graph that an alarm was about stays away
