from pathlib import Path
from typing import Any

import yaml

from bedside.lineage import check
from bedside.reporting.finished import deployments
from benchmarks.seeds import overlay, page
from pipelines.workspace import ROOT, merged
from tests.support.deployments import Maker

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())


def seeds_of(params: Any) -> set[int]:
    """Every value under a key `seed`, however deep."""
    if isinstance(params, dict):
        own = {params["seed"]} if "seed" in params else set()
        return own.union(*map(seeds_of, params.values()))
    return set()


def test_every_training_on_the_way_draws_from_the_new_seed_and_nothing_else_changes() -> None:
    again = merged(PARAMS, overlay(PARAMS, ["tiny"], "onnxruntime-cpu", 7))
    assert list(again["variants"]) == ["distilled", "tiny-float", "tiny"]
    assert seeds_of(again["train_teacher"]) == {7}
    assert all(seeds_of(variant["params"]) == {7} for variant in again["variants"].values())
    assert again["gates"] == PARAMS["gates"]
    assert again["evaluated"] == {"variants": ["teacher", "tiny"], "targets": ["onnxruntime-cpu"]}
    check(again, ROOT / "components")


def test_no_two_seeds_share_a_member_of_the_committee() -> None:
    members = [
        overlay(PARAMS, ["tiny"], "onnxruntime-cpu", seed)["train_teacher"]["committee"]["seeds"] for seed in range(3)
    ]
    assert members[0] == PARAMS["train_teacher"]["committee"]["seeds"]
    assert len({member for of_seed in members for member in of_seed}) == sum(map(len, members))


def test_the_page_shows_what_each_seed_reached_and_what_one_patient_changes(tmp_path: Path) -> None:
    for name, seed, missed in (("first", 0, 0.0), ("second", 1, 0.3)):
        Maker(tmp_path / name, seed=seed).make("tiny", missed=missed)
    first, second = (deployments(tmp_path / name)[-1] for name in ("first", "second"))
    table = page([("the project's run", first), ("1", second)])
    left_out = second.evidence["gross"]["V"]["leave_one_patient_out"]["sensitivity"]
    assert f"{second.gross('V', 'sensitivity')} ({left_out['low']:.3f}-{left_out['high']:.3f})" in table
    assert [line.split(" | ")[0] for line in table.splitlines()[6:8]] == ["| the project's run", "| 1"]
