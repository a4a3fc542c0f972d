"""Gates that let more through are said first, in every place that a reviewer reads, and need a reviewer's word."""

import json
from pathlib import Path
from typing import Any

import pytest

from bedside import cli
from bedside.gates.changes import TIGHTER_WHEN_HIGHER, TIGHTER_WHEN_LOWER, changes, limits, loosening
from bedside.gates.limits import Budget, Gates
from bedside.registry.log import PromotionLog
from bedside.reporting import advice
from tests.support.deployments import BUDGET, GATES, Maker, changed_gates
from tests.support.promoting import MODEL, aliases, promoted, registry, signed_off

LOOSE = changed_gates(G4={"floors": {"V": 1e-6, "S": 1e-6}})
HUGE = {**BUDGET, "p99_ms": 1e12}
TIGHT = changed_gates(G4={"floors": {"V": 0.9, "S": 0.6}})


def promote(maker: Maker, variant: str, folder: Path, p99_ms: float, **by: Any) -> dict[str, Any]:
    return promoted([maker.make(variant, p99_ms=p99_ms, **by)], folder, **by)


def test_looser_gates_and_budgets_move_no_alias_and_are_said_everywhere(
    maker: Maker, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    promote(maker, "pruned", workspace / "first", 3.0)
    decision = promote(maker, "combined", workspace / "second", 1.0, gates=LOOSE, budget=HUGE)
    told = (
        "GATES ARE LOOSER than those that earlier versions were judged by: gates.G4.floors.V 0.85 -> 1e-06 (looser), "
        "gates.G4.floors.S 0.5 -> 1e-06 (looser), budget.p99_ms 20 -> 1e+12 (looser)"
    )
    assert decision["changes"] == told
    assert advice(decision).startswith(told)
    assert told in decision["challenger"]["reason"]
    assert aliases() == {"challenger": "1", "champion": "1"}
    version = registry().get_model_version(MODEL, "2")
    assert version.description.startswith("**GATES ARE LOOSER")
    assert version.tags["warning"].startswith("GATES ARE LOOSER")
    page = registry().download_artifacts(version.run_id, "review/combined/index.html", str(workspace))
    assert "GATES ARE LOOSER" in Path(page).read_text().partition("<h2>")[0]
    capsys.readouterr()
    cli.main(["log"])
    assert f"changes: {told}" in capsys.readouterr().out


def test_promoting_twice_does_not_make_looser_gates_the_usual_ones(maker: Maker, workspace: Path) -> None:
    promote(maker, "pruned", workspace / "first", 3.0)
    for i in range(2):
        decision = promote(maker, f"v{i}", workspace / f"loose{i}", 1.0 - i / 10, gates=LOOSE)
        assert decision["changes"].startswith("GATES ARE LOOSER")
    assert aliases() == {"challenger": "1", "champion": "1"}


def test_a_reviewers_word_makes_them_the_usual_ones(maker: Maker, workspace: Path) -> None:
    promote(maker, "pruned", workspace / "first", 3.0)
    promote(maker, "combined", workspace / "second", 1.0, gates=LOOSE)
    signed_off("2", "another intended use: +P does not matter there")
    decision = promote(maker, "distilled", workspace / "third", 0.5, gates=LOOSE)
    assert decision["changes"] == ""
    assert aliases() == {"challenger": "3", "champion": "3"}


def test_tighter_gates_are_said_and_count_from_then_on(maker: Maker, workspace: Path) -> None:
    promote(maker, "pruned", workspace / "first", 3.0)
    decision = promote(maker, "combined", workspace / "second", 1.0, gates=TIGHT)
    assert decision["changes"].startswith("Gates are tighter than those that earlier versions were judged by: ")
    assert aliases() == {"challenger": "2", "champion": "2"}
    back = promote(maker, "distilled", workspace / "third", 0.5)
    assert back["changes"].startswith("GATES ARE LOOSER")
    assert aliases() == {"challenger": "2", "champion": "2"}


def test_to_leave_out_the_reviewer_is_looser_too(maker: Maker, workspace: Path) -> None:
    promoted([maker.make("pruned", p99_ms=3.0)], workspace / "first", sign_off=True)
    signed_off("1")
    decision = promoted([maker.make("combined", p99_ms=1.0)], workspace / "second", sign_off=False)
    assert decision["changes"].endswith("judged by: promote.sign_off True -> False (looser)")
    assert aliases() == {"challenger": "1", "champion": "1"}


def test_another_seed_for_the_intervals_is_another_question(maker: Maker, workspace: Path) -> None:
    promote(maker, "pruned", workspace / "first", 3.0)
    decision = promote(maker, "combined", workspace / "second", 1.0, gates=changed_gates(G5={"seed": 7}))
    assert "gates.G5.seed 0 -> 7 (a different question)" in decision["changes"]
    assert aliases() == {"challenger": "1", "champion": "1"}


def test_the_limits_of_every_promotion_are_in_the_log(maker: Maker, workspace: Path) -> None:
    promote(maker, "pruned", workspace / "first", 3.0)
    asked = PromotionLog().verify()[0]["limits"]
    assert asked == json.loads(
        json.dumps(limits(Gates.model_validate(GATES), Budget.model_validate(BUDGET), sign_off=False))
    )


def test_of_every_number_that_is_compared_by_size_it_is_known_which_way_is_tighter() -> None:
    """A new gate has to say so; what is in neither list counts as another question."""
    whole = limits(Gates.model_validate(GATES), Budget.model_validate(BUDGET), sign_off=False)
    other = {
        "gates.G3.interval",
        "gates.G5.macro_f1_classes",
        "gates.G5.seed",
        "gates.G15.provenance",
        "gates.G19.provenance",
    }
    moved = json.loads(json.dumps(whole), object_hook=_all_moved)
    found = changes(whole, moved)
    assert {change.path for change in found if change.direction == "other"} == other
    assert len(found) > len(TIGHTER_WHEN_HIGHER + TIGHTER_WHEN_LOWER)


def _all_moved(of: dict[str, Any]) -> dict[str, Any]:
    def other(value: Any) -> Any:
        if isinstance(value, bool):
            return not value
        return value + 1 if isinstance(value, int | float) else [value] if not isinstance(value, dict) else value

    return {name: other(value) for name, value in of.items()}


@pytest.mark.parametrize(
    ("path", "old", "new", "is_looser"),
    [
        ("gates.G3.floors.V.gross", 0.9, 0.8, True),
        ("gates.G3.floors.V.gross", 0.8, 0.9, False),
        ("budget.size_bytes", 100, 200, True),
        ("budget.size_bytes", 200, 100, False),
        ("gates.classes.V.required", True, False, True),
        ("gates.G8.events", 20, 200, True),
        ("gates.G2.events", 200, 20, True),
        ("gates.G4.floors.S", 0.5, None, True),
    ],
)
def test_which_change_lets_more_through(path: str, old: object, new: object, is_looser: bool) -> None:
    before, after = nested(path, old), nested(path, new) if new is not None else {}
    assert bool(loosening(changes(before, after))) is is_looser


def nested(path: str, value: object) -> dict[str, Any]:
    for name in reversed(path.split(".")):
        value = {name: value}
    return value  # type: ignore[return-value]  # at least one name
