"""Windows are written and read back unchanged, with bytes that depend on the values alone."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bedside.artifacts import ArtifactError
from bedside.datasets.inputs import INDICES, Shapes
from bedside.datasets.windows import Windows, concatenate, read_windows, write_windows

INPUTS: Shapes = {"spectrum": (3, 4, 5), "pressure": (2, 120), "age": (1,)}


def windows(beats: int, seed: int = 0) -> Windows:
    random = np.random.default_rng(seed)
    return Windows(
        inputs={name: random.normal(size=(beats, *size)).astype(np.float32) for name, size in INPUTS.items()},
        label=random.integers(-1, 4, beats),
        record=random.integers(0, 3, beats),
        patient=random.integers(0, 3, beats),
        sample=np.arange(beats) * 300,
    )


def test_what_is_written_is_read_back_equal_in_value_and_dtype(tmp_path: Path) -> None:
    write_windows(tmp_path / "train.safetensors", windows(5))
    back = read_windows(tmp_path / "train.safetensors", INPUTS)
    assert list(back.inputs) == list(INPUTS)
    for name, array in back.inputs.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, windows(5).inputs[name])
    for name in INDICES:
        assert getattr(back, name).dtype == np.int64
        np.testing.assert_array_equal(getattr(back, name), getattr(windows(5), name))


def test_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    write_windows(tmp_path / "a", windows(5))
    write_windows(tmp_path / "b", windows(5))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_arrays_of_different_lengths_are_refused_with_their_lengths(tmp_path: Path) -> None:
    broken = dataclasses.replace(windows(5), label=np.zeros(4, dtype=np.int64))
    with pytest.raises(ValueError, match="'label': 4"):
        write_windows(tmp_path / "train.safetensors", broken)


def test_a_file_with_other_arrays_is_refused_with_their_names(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"weights": np.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(ArtifactError, match="weights"):
        read_windows(tmp_path / "model.safetensors", INPUTS)


@pytest.mark.parametrize("other", [{"age": (1,)}, {**INPUTS, "weight": (1,)}, {**INPUTS, "age": (2,)}])
def test_windows_that_the_dataset_does_not_declare_are_refused(other: Shapes, tmp_path: Path) -> None:
    write_windows(tmp_path / "train.safetensors", windows(5))
    with pytest.raises(ArtifactError, match=r"holds .*age"):
        read_windows(tmp_path / "train.safetensors", other)


def test_a_selection_keeps_the_rows_of_every_array_together() -> None:
    every = windows(6)
    part = every[every.sample >= 900]
    assert len(part) == 3
    again = concatenate([every[:3], part])
    for name, array in every.inputs.items():
        np.testing.assert_array_equal(again.inputs[name], array)
