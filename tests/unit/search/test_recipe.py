"""What is taken from a study: within the floors, near the best in quality, then the fastest."""

from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("optuna")  # the extra `search`

from bedside.errors import RefusedError
from bedside.lineage import Lineage
from bedside.search import recipe
from bedside.search.figures import Figures
from bedside.search.space import Chain, Step
from tests.unit.search import desk

ABOUT = {"search": {"watched": ["V"]}, "target": {"kind": "onnxruntime"}, "processor": "p1"}


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return desk.work(desk.opened(f"sqlite:///{tmp_path_factory.mktemp('study')}/search.db"), 25)


def test_the_search_finds_a_cheaper_recipe_than_the_known_one_that_keeps_the_floor(trials: list[Any]) -> None:
    found = recipe.chosen(trials, tolerance=1.0)
    assert found.values[1] < trials[0].values[1] / 2
    assert found.values[2] < trials[0].values[2] / 4
    assert found.user_attrs["figures"]["V_recall"] >= 0.5
    tried = {trial.user_attrs["figures"]["V_recall"] >= 0.5 for trial in trials}
    assert tried == {True, False}  # cheaper ones were there to be taken


def test_the_sampler_learns_where_the_floor_is(trials: list[Any]) -> None:
    """Random draws keep it half of the time."""
    learned = trials[10:]
    assert sum(trial.user_attrs["figures"]["V_recall"] >= 0.5 for trial in learned) > 0.6 * len(learned)


def test_nothing_on_the_front_is_beaten_by_another(trials: list[Any]) -> None:
    front = recipe.front(trials)
    assert [trial.values[1] for trial in front] == sorted(trial.values[1] for trial in front)
    for one in front:
        for other in recipe.feasible(trials):
            better = [other.values[0] > one.values[0], other.values[1] < one.values[1], other.values[2] < one.values[2]]
            worse = [other.values[0] < one.values[0], other.values[1] > one.values[1], other.values[2] > one.values[2]]
            assert any(worse) or not any(better)


def test_quality_comes_first_then_speed(trials: list[Any]) -> None:
    best = max(trial.values[0] for trial in recipe.front(trials))
    assert recipe.chosen(trials, tolerance=0.0).values[0] == best
    near = recipe.chosen(trials, tolerance=0.1)
    assert near.values[0] >= best - 0.1
    assert near.values[1] <= recipe.chosen(trials, tolerance=0.0).values[1]


def test_a_trial_can_be_named_but_not_one_below_the_floor(trials: list[Any]) -> None:
    below = next(trial for trial in trials if trial.user_attrs["figures"]["V_recall"] < 0.5)
    assert recipe.chosen(trials, 0.0, trials[0].number) == trials[0]
    with pytest.raises(RefusedError, match=rf"trial {below.number} has no figures that keep the floors .*; best: \d"):
        recipe.chosen(trials, 0.0, below.number)


def test_where_nothing_keeps_the_floor_the_closest_is_named(tmp_path: Path) -> None:
    strict = desk.settings(floors={"V": {"recall": 1.0, "precision": 0.0}})
    trials = desk.work(desk.opened(f"sqlite:///{tmp_path}/search.db"), 2, search=strict)
    with pytest.raises(RefusedError, match=r"no trial keeps .*trial 0, misses V_recall by 0\.0625; search longer"):
        recipe.chosen(trials, 0.02)


def test_a_graph_over_its_targets_budget_is_never_taken(tmp_path: Path) -> None:
    def large(chain: Chain) -> Figures:
        return desk.figures(chain) | {"size_bytes": 100_001}

    trials = desk.work(desk.opened(f"sqlite:///{tmp_path}/search.db"), 2, large)
    with pytest.raises(RefusedError, match=r"misses size_bytes by 1e-05"):
        recipe.chosen(trials, 1.0)


def test_a_trial_that_was_stopped_is_never_taken(tmp_path: Path) -> None:
    trials = desk.work(desk.opened(f"sqlite:///{tmp_path}/search.db"), 2, lambda _: {"stopped": "hopeless"})
    assert [trial.state.name for trial in trials] == ["PRUNED", "PRUNED"]
    with pytest.raises(RefusedError, match="no trial keeps the floors and the budget; search longer"):
        recipe.chosen(trials, 1.0)


def test_the_recipe_is_a_lineage_with_full_budgets(trials: list[Any]) -> None:
    text = recipe.text(recipe.chosen(trials, 1.0), ABOUT, "desk", "found")
    assert "validation patients only" in text.splitlines()[0]
    lineage = Lineage.model_validate(yaml.safe_load(text))
    assert lineage.path("found")[0] == "teacher"


def test_each_technique_has_the_one_before_it_as_parent() -> None:
    chain = tuple(Step(technique=name, params={"a": 1}) for name in ("distill", "prune", "quantize"))
    made = recipe.variants(chain, "found")
    assert {name: (one["parent"], one["technique"]) for name, one in made.items()} == {
        "found-distill": ("teacher", "distill"),
        "found-prune": ("found-distill", "prune"),
        "found": ("found-prune", "quantize"),
    }
