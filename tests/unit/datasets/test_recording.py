"""Recordings are read as wfdb reads them, and what wfdb reads silently is noticed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb

from bedside.datasets.annotations import read_annotations
from bedside.datasets.headers import read_header
from bedside.datasets.recording import RecordingError, differences, millivolts
from bedside.datasets.samples import read_signal


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(published, tmp_path / "records"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_signals_equal_those_that_wfdb_reads(folder: Path) -> None:
    header = read_header(folder / "s001.hea")
    signal = read_signal(folder, header)
    reference = wfdb.rdrecord(str(folder / "s001"))
    assert differences(header, signal) == []
    for index, lead in enumerate(header.leads):
        np.testing.assert_allclose(millivolts(signal[:, index], lead), reference.p_signal[:, index], atol=1e-9)


def test_negative_values_and_an_odd_number_of_values_are_unpacked(tmp_path: Path) -> None:
    values = np.array([-1, -2047, 2047, 0, 5, -300, 1], dtype=np.int64)[:, None]
    wfdb.wrsamp(
        "odd",
        360,
        ["mV"],
        ["MLII"],
        d_signal=values,
        fmt=["212"],
        adc_gain=[200.0],
        baseline=[0],
        write_dir=str(tmp_path),
    )
    np.testing.assert_array_equal(read_signal(tmp_path, read_header(tmp_path / "odd.hea")), values)


def test_annotations_equal_those_that_wfdb_reads(folder: Path) -> None:
    found, reference = read_annotations(folder / "s001.atr"), wfdb.rdann(str(folder / "s001"), "atr")
    assert found.symbol.tolist() == reference.symbol
    assert found.symbol[0] == "+"  # carries a rhythm text that has to be stepped over
    np.testing.assert_array_equal(found.sample, reference.sample)


def test_a_bit_flip_that_wfdb_reads_silently_breaks_the_checksum(folder: Path) -> None:
    file = folder / "s001.dat"
    raw = bytearray(file.read_bytes())
    raw[300] ^= 0x10
    file.write_bytes(raw)
    wfdb.rdrecord(str(folder / "s001"))  # reads it without a word
    header = read_header(folder / "s001.hea")
    (problem,) = differences(header, read_signal(folder, header))
    assert "checksum" in problem


def test_a_changed_first_value_is_noticed_even_when_the_checksum_holds(folder: Path) -> None:
    header = read_header(folder / "s001.hea")
    signal = read_signal(folder, header).copy()
    signal[0, 0] += 3
    signal[1, 0] -= 3
    (problem,) = differences(header, signal)
    assert problem.startswith("MLII: first value")


@pytest.mark.parametrize("size", [0, 100, 10**4])
def test_a_truncated_signal_is_an_error_that_gives_both_sizes(folder: Path, size: int) -> None:
    file = folder / "s001.dat"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(RecordingError, match=f"s001.dat: {size} bytes, but its header promises 32400"):
        read_signal(folder, read_header(folder / "s001.hea"))


def test_a_lead_is_found_by_name_and_an_absent_one_is_an_error_with_the_leads_there_are(folder: Path) -> None:
    edit(folder / "s001.hea", "MLII", "V2")
    header = read_header(folder / "s001.hea")
    assert header.index("V5") == 1
    with pytest.raises(RecordingError, match="no lead 'MLII'; it has V2, V5"):
        header.index("MLII")


def test_a_sample_that_is_marked_missing_becomes_nan(folder: Path) -> None:
    header = read_header(folder / "s001.hea")
    signal = millivolts(np.array([1024, -2048, 1224], dtype=np.int16), header.leads[0])
    np.testing.assert_array_equal(signal, [0.0, np.nan, 1.0])
