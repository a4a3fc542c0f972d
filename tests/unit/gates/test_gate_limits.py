"""Malformed gates are refused with the path of the number; the definition has one digest."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bedside.gates import Budget, Gates
from bedside.params import ParamsError, load, validate
from bedside.tasks.splits.by_share import ByShare
from tests.support.limits import BUDGET, GATES, MALFORMED, changed, gates

ROOT = Path(__file__).parents[3]
NAN = float("nan")


@pytest.mark.parametrize(("path", "value", "message"), MALFORMED)
def test_a_malformed_gate_is_refused_with_its_path(path: str, value: Any, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        gates(path, value)


def test_gates_read_from_yaml_refuse_a_nan_there_too(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"gates": changed("G7.all", NAN)}))
    with pytest.raises(ParamsError, match=r"params\.yaml:gates\.G7\.all"):
        load(Gates, f"{tmp_path}/params.yaml:gates")


@pytest.mark.parametrize("field", ["size_bytes", "p99_ms", "peak_rss_mb"])
@pytest.mark.parametrize("value", [0, -1, NAN, None])
def test_a_budget_of_nothing_is_refused(field: str, value: Any) -> None:
    raw = {"size_bytes": 1, "p99_ms": 1, "peak_rss_mb": 1, "slower": 0, "cheaper": 0} | {field: value}
    with pytest.raises(ParamsError, match=f"budgets.cpu.{field}"):
        validate(Budget, raw, where="params.yaml:budgets.cpu")


@pytest.mark.parametrize(("field", "value"), [("slower", -0.1), ("slower", None), ("cheaper", 1.0), ("cheaper", NAN)])
def test_a_budget_that_says_nothing_about_time_without_the_trick_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ParamsError, match=f"budgets.cpu.{field}"):
        validate(Budget, BUDGET.model_dump() | {field: value}, where="params.yaml:budgets.cpu")


def test_the_digest_changes_with_any_number_and_with_nothing_else() -> None:
    assert gates().digest == validate(Gates, dict(reversed(GATES.items())), where="x").digest
    assert gates().digest != gates("G7.all", 0.021).digest
    assert gates().digest != gates("G8.events", 21).digest


def test_the_documented_proposal_is_what_the_tests_use() -> None:
    text = (ROOT / "docs/clinical-gates.md").read_text()
    block = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    assert yaml.safe_load(block)["gates"] == GATES


@pytest.mark.parametrize("profile", ["profiles/simulated.yaml", "profiles/short.yaml", "tests/support/tiny.yaml"])
def test_a_simulated_cohort_has_as_many_test_patients_as_its_own_gates_ask_for(profile: str) -> None:
    given = yaml.safe_load((ROOT / profile).read_text())
    people = {f"p{number}": f"p{number}" for number in range(given["source"]["patients"])}
    tested = ByShare.model_validate(given["task"]["split"]).assign(people).splits["test"]
    assert len(tested) == given["gates"]["G1"]["test_patients"]


def test_the_gates_and_budgets_of_params_yaml_are_well_formed() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert "V" in load(Gates, f"{ROOT}/params.yaml:gates").classes
    assert set(params["budgets"]) == set(params["targets"])
    for target in params["budgets"]:
        assert load(Budget, f"{ROOT}/params.yaml:budgets.{target}").size_bytes > 0
