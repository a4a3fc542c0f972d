"""Whatever happens to the files of a recording, reading it says what is wrong with that recording and nothing else."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from bedside.datasets.people import describe
from bedside.datasets.reading import read
from bedside.datasets.recording import RecordingError

S001 = {"record": "s001"}
# What a damaged or foreign header may hold where a number or a name should be.
STRANGE = [
    "",
    "0",
    "-1",
    "1e400",
    "nan",
    "3.6.0",
    "9" * 30,
    "x",
    "1/0",
    "(",
    "\0",
    "\ufffd",
    "0x10",
    "\u0661",
    "+",
    ".",
]


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "records"))


def survives(folder: Path) -> bool:
    """Whether the recording is read; every other end than a reason of its own fails the test."""
    try:
        found = read(folder, S001)
    except RecordingError as error:
        return _explained(error)
    found.problems()
    describe(found.header)
    return True


def _explained(error: RecordingError) -> bool:
    assert "cannot be read" not in str(error)  # the net under the checks is not one of them
    return False


def test_any_field_of_a_header_may_hold_anything(folder: Path) -> None:
    file = folder / "s001.hea"
    lines = file.read_text().splitlines()
    read_whole = 0
    for number, line in enumerate(lines):
        fields = line.split(" ")
        for field in range(len(fields)):
            for strange in STRANGE:
                altered = [
                    *lines[:number],
                    " ".join([*fields[:field], strange, *fields[field + 1 :]]),
                    *lines[number + 1 :],
                ]
                file.write_text("\n".join(altered), encoding="utf-8")
                read_whole += survives(folder)
    assert read_whole > 0


@pytest.mark.parametrize("suffix", [".hea", ".dat", ".atr"])
@pytest.mark.parametrize("seed", range(5))
def test_any_bytes_of_a_file_may_be_damaged(folder: Path, suffix: str, seed: int) -> None:
    file, random = folder / f"s001{suffix}", np.random.default_rng(seed)
    whole = file.read_bytes()
    for _ in range(40):
        raw = bytearray(whole)
        for place in random.integers(0, len(raw), 1 + random.integers(0, 4)):
            raw[place] = random.integers(0, 256)
        start, length = random.integers(0, len(raw)), random.integers(0, 40)
        if random.random() < 0.3:
            del raw[start : start + length]
        file.write_bytes(raw)
        survives(folder)


@pytest.mark.parametrize("suffix", [".hea", ".dat", ".atr"])
def test_a_file_that_is_empty_absent_or_a_folder_is_named(folder: Path, suffix: str) -> None:
    file = folder / f"s001{suffix}"
    file.write_bytes(b"")
    with pytest.raises(RecordingError, match=f"s001{suffix}: "):
        read(folder, S001)
    file.unlink()
    with pytest.raises(RecordingError, match=f"^s001{suffix}: No such file or directory$"):
        read(folder, S001)
    file.mkdir()
    with pytest.raises(RecordingError, match=f"^s001{suffix}: Is a directory$"):
        read(folder, S001)


def test_a_gain_is_assumed_only_where_none_was_measured_and_only_when_it_is_stated(folder: Path) -> None:
    assert read(folder, {**S001, "assumed_gain": 100.0}).assumed_gain is None
    assert {lead.gain for lead in read(folder, {**S001, "assumed_gain": 100.0}).header.leads} == {200.0}
    file = folder / "s001.hea"
    file.write_text(file.read_text().replace("200.0(", "0(", 1))
    with pytest.raises(RecordingError, match=r"s001: MLII not calibrated \(gain 0\); state .*source.uncalibrated_gain"):
        read(folder, S001)
    found = read(folder, {**S001, "assumed_gain": 100.0})
    assert (found.assumed_gain, [lead.gain for lead in found.header.leads]) == (100.0, [100.0, 200.0])
