"""Splits divide people, never their recordings."""

import json

import pytest

from bedside.params import ParamsError, validate
from bedside.tasks.ecg_beats.de_chazal import DS1, DS2, PACED, DeChazal
from bedside.tasks.splits.base import NAMES
from bedside.tasks.splits.by_share import ByShare

MITDB = {record: record for record in (*DS1, *DS2, *PACED)} | {"202": "201"}


def test_de_chazal_uses_44_records_but_one_and_says_why_the_others_are_left_out() -> None:
    assignment = DeChazal().assign(MITDB)
    assert assignment.splits["test"] == list(DS2)
    assert sum(len(assignment.splits[name]) for name in NAMES) == 43
    assert set(assignment.left_out) == {*PACED, "201"}
    assert "same person as 202" in assignment.left_out["201"]
    assert "EC57" in assignment.left_out["104"]


def test_validation_and_calibration_come_out_of_ds1() -> None:
    assignment = DeChazal().assign(MITDB)
    learned = [record for name in ("train", "validation", "calibration") for record in assignment.splits[name]]
    assert sorted(learned) == sorted(set(DS1) - {"201"})
    with pytest.raises(ParamsError, match=r"come out of DS1 .* \['232'\] do not"):
        validate(DeChazal, {"kind": "de-chazal", "validation": ["232"]}, "task.split")


def test_a_record_that_was_not_accepted_is_in_no_split() -> None:
    assignment = DeChazal().assign({record: person for record, person in MITDB.items() if record not in {"101", "232"}})
    assert not {"101", "232"} & {record for records in assignment.splits.values() for record in records}


def test_a_record_of_neither_set_is_named() -> None:
    assert DeChazal().assign({"999": "999"}).left_out == {"999": "in neither DS1 nor DS2"}


@pytest.mark.parametrize("seed", range(5))
def test_by_share_never_divides_a_person(seed: int) -> None:
    people = {f"s{number:03}": f"s{number // 2:03}" for number in range(40)}  # two records each
    splits = ByShare(seed=seed).assign(people).splits
    owners = {name: {people[record] for record in records} for name, records in splits.items()}
    assert sum(map(len, owners.values())) == 20
    assert sorted(record for records in splits.values() for record in records) == sorted(people)


def test_by_share_leaves_out_what_it_is_told_to_and_knows_no_record_by_name() -> None:
    assignment = ByShare(dropped={"234": "a reason"}).assign(MITDB)
    used = [record for records in assignment.splits.values() for record in records]
    assert sorted(used) == sorted(set(MITDB) - {"234"})
    assert assignment.left_out == {"234": "a reason"}


def test_a_split_by_name_objects_to_other_recordings() -> None:
    assert DeChazal().objections("mitdb-1.0.0") == []
    assert ByShare().objections("svdb-1.0.0") == []
    (objection,) = DeChazal().objections("svdb-1.0.0")
    assert objection == "split.kind: de-chazal divides MIT-BIH's records by name, not svdb-1.0.0; by-share divides any"


def test_by_share_gives_the_shares_it_names_and_draws_by_seed() -> None:
    people = {f"s{number:03}": f"s{number:03}" for number in range(100)}
    splits = ByShare(test=0.4, validation=0.2, calibration=0.1).assign(people).splits
    assert {name: len(records) for name, records in splits.items()} == {
        "train": 30,
        "validation": 20,
        "calibration": 10,
        "test": 40,
    }
    assert splits != ByShare(test=0.4, validation=0.2, calibration=0.1, seed=1).assign(people).splits


def test_the_published_sets_are_those_of_the_paper() -> None:
    assert len(DS1) == len(DS2) == 22
    assert not set(DS1) & set(DS2)
    assert json.dumps(DS2).count('"2') == 14
