"""Inputs are named arrays in an order that survives being written down."""

import json
from pathlib import Path

import numpy as np
import pytest

from bedside.artifacts import write_json
from bedside.datasets.inputs import (
    TAKEN,
    Shapes,
    concatenated,
    count,
    declared,
    described,
    not_finite,
    require_names,
    rows,
    said,
    shapes,
)
from bedside.errors import RefusedError

INPUTS: Shapes = {"wave": (2, 5), "image": (3, 4, 4), "age": (1,), "dose": ()}


def arrays(windows: int = 4) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {name: random.normal(size=(windows, *shape)).astype(np.float32) for name, shape in INPUTS.items()}


def test_their_order_is_read_back_from_a_file_whose_keys_are_sorted(tmp_path: Path) -> None:
    write_json(tmp_path / "dataset.json", {"inputs": described(INPUTS), "classes": ["N"]})
    found = declared(json.loads((tmp_path / "dataset.json").read_text()))
    assert list(found.items()) == list(INPUTS.items())


@pytest.mark.parametrize("about", [{}, {"inputs": {"wave": [2, 5], "age": [1]}}, {"inputs": None}])
def test_a_description_by_another_version_is_refused_with_what_to_do(about: dict[str, object]) -> None:
    with pytest.raises(RefusedError, match="another version made it; run prepare again"):
        declared(about)


@pytest.mark.parametrize("name", [*sorted(TAKEN), "", "two words", "2nd", "lambda", "a/b"])
def test_a_name_that_could_not_be_stored_or_passed_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match="an input of the task is called"):
        require_names(["wave", name])


def test_windows_without_any_input_are_refused() -> None:
    with pytest.raises(RefusedError, match="one at least"):
        require_names([])


def test_rows_of_all_inputs_stay_together() -> None:
    every = arrays()
    again = concatenated([rows(every, slice(0, 1)), rows(every, np.array([1, 2, 3]))])
    assert count(again) == 4
    assert shapes(again) == INPUTS
    assert all(np.array_equal(again[name], every[name]) for name in INPUTS)


@pytest.mark.parametrize("other", [{"age": np.zeros((2, 1), np.float32)}, {**arrays(2), "age": np.zeros((2, 3))}])
def test_windows_of_other_inputs_are_not_joined(other: dict[str, np.ndarray]) -> None:
    with pytest.raises(RefusedError, match="a dataset has one shape"):
        concatenated([arrays(), other])


@pytest.mark.parametrize("name", INPUTS)
def test_a_number_that_is_not_finite_is_found_in_any_input(name: str) -> None:
    found = arrays()
    found[name].reshape(4, -1)[2, 0] = np.nan
    assert not_finite(found).tolist() == [2]
    assert not_finite(arrays()).tolist() == []


def test_shapes_are_said_in_words() -> None:
    assert said({"ecg": (2, 120), "age": (1,)}) == "ecg (2, 120) and age (1)"
    assert said({"ecg": (2, 120)}) == "ecg (2, 120)"
