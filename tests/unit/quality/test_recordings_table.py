"""The quality table tells of each recording what would make it unfit."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from bedside.datasets.headers import read_header
from bedside.datasets.samples import read_signal
from bedside.datasets.simulated import Simulated
from bedside.quality.recordings_table import row
from bedside.tasks.ecg_beats.recordings import beats

Signal = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quality")
    Simulated(patients=1, seconds=40, lead_off=False).fetch(folder)
    return folder


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "records"))


def judged(folder: Path) -> dict[str, Any]:
    return row(folder, {"record": "s001"}, beats)


def rewrite(folder: Path, change: Any) -> None:
    """Change the samples (sample, lead) of s001 and write a header that agrees."""
    signal = read_signal(folder, read_header(folder / "s001.hea")).astype(np.int64)
    change(signal)
    wfdb.wrsamp(
        "s001",
        360.0,
        ["mV"] * 2,
        ["MLII", "V5"],
        d_signal=signal,
        fmt=["212"] * 2,
        adc_gain=[200.0] * 2,
        baseline=[1024] * 2,
        write_dir=str(folder),
    )


def test_a_good_recording_has_nothing_against_it(folder: Path) -> None:
    good = judged(folder)
    assert (good["problem"], good["unknown_symbols"], good["units"]) == ("", "", "mV")
    assert (good["rate"], good["seconds"]) == (360.0, 40.0)
    assert good["smallest_gain"] == good["largest_gain"] == 200.0
    assert good["missing_share"] == good["flat_share"] == good["clipped_share"] == 0
    assert 0.3 < good["amplitude_mv"] < 6
    assert 40 < good["beats_per_minute"] < 140
    assert good["beats"] == sum(good[f"beats_{name}"] for name in "NSVFQ") > 20


def test_a_flat_second_counts_even_when_the_other_lead_is_on(folder: Path) -> None:
    def go_flat(signal: Signal) -> None:
        signal[3600 : 3600 + 4 * 360, 1] = 1000

    rewrite(folder, go_flat)
    assert judged(folder)["flat_share"] == pytest.approx(4 / 40)


def test_missing_and_clipped_samples_are_counted(folder: Path) -> None:
    def damage(signal: Signal) -> None:
        signal[100:244, 0] = -2048
        signal[500:788, 1] = 2047

    rewrite(folder, damage)
    found = judged(folder)
    assert found["missing_share"] == pytest.approx(144 / 14400)
    assert found["clipped_share"] == pytest.approx(288 / 14400)


def set_converter(folder: Path, resolution: int, zero: int) -> None:
    file = folder / "s001.hea"
    fields = [line.split(" ") for line in file.read_text().splitlines()]
    lines = [[*f[:3], str(resolution), str(zero), *f[5:]] if f[0] == "s001.dat" else f for f in fields]
    file.write_text("\n".join(" ".join(line) for line in lines))


@pytest.mark.parametrize(
    ("resolution", "zero", "ends"), [(11, 1024, (0, 2047)), (10, 1024, (512, 1535)), (12, 0, (-2047, 2047))]
)
def test_what_is_cut_off_follows_from_the_converter_that_the_header_describes(
    folder: Path, resolution: int, zero: int, ends: tuple[int, int]
) -> None:
    def clip(signal: Signal) -> None:
        signal[:] = np.clip(signal, ends[0] + 1, ends[1] - 1)
        signal[100:172, 0] = ends[0]
        signal[500:572, 0] = ends[1]

    rewrite(folder, clip)
    set_converter(folder, resolution, zero)
    assert judged(folder)["clipped_share"] == pytest.approx(0.01)


def test_a_converter_that_went_beyond_the_end_in_its_header_ends_where_the_signal_does(folder: Path) -> None:
    def go_on(signal: Signal) -> None:
        signal[100:500, 0] = np.arange(400) + 1500  # past 1535, which the header calls the end
        signal[600:1032, 0] = 1900

    rewrite(folder, go_on)
    set_converter(folder, 10, 1024)
    assert judged(folder)["clipped_share"] == pytest.approx(432 / 14400)


def test_a_lead_without_a_unit_of_voltage_is_a_problem_and_a_gain_of_its_own_is_none(folder: Path) -> None:
    file = folder / "s001.hea"
    text = file.read_text()
    file.write_text(text.replace("/mV", "/mmHg", 1))
    assert judged(folder)["problem"].startswith("MLII: its unit is none of voltage")
    file.write_text(text.replace("200.0(1024)/mV", "306.5(1024)/uV", 1))
    found = judged(folder)
    assert (found["smallest_gain"], found["largest_gain"], found["units"]) == (200.0, 306.5, "mV uV")


def test_a_signal_of_a_thousandth_of_the_size_is_too_small_for_a_heart(folder: Path) -> None:
    def microvolts(signal: Signal) -> None:
        signal[:] = 1024 + (signal - 1024) // 100

    rewrite(folder, microvolts)
    assert judged(folder)["amplitude_mv"] < 0.1


def test_a_lead_that_is_missing_altogether_is_told_and_breaks_nothing(folder: Path) -> None:
    def lose(signal: Signal) -> None:
        signal[:, 0] = -2048

    rewrite(folder, lose)
    assert judged(folder)["missing_share"] == 1.0


def test_a_record_that_cannot_be_read_has_its_problem_and_nothing_else(folder: Path) -> None:
    (folder / "s001.dat").write_bytes(b"")
    found = judged(folder)
    assert set(found) == {"record", "problem"}
    assert "truncated" in found["problem"]


def test_a_checksum_that_differs_is_a_problem(folder: Path) -> None:
    file = folder / "s001.dat"
    raw = bytearray(file.read_bytes())
    raw[900] ^= 2
    file.write_bytes(raw)
    assert "checksum" in judged(folder)["problem"]


@pytest.mark.parametrize(
    ("samples", "symbols", "column", "value"),
    [
        ([300, 600, 900], ["N", "?", "N"], "unknown_symbols", "?"),
        ([300, 330, 360, 900], ["N"] * 4, "implausible_intervals", 2 / 3),
        ([300, 600, 14400], ["N"] * 3, "beats_outside", 1),
        ([300], ["N"], "implausible_intervals", 1.0),
    ],
)
def test_annotations_that_make_no_sense_are_told(
    folder: Path, samples: list[int], symbols: list[str], column: str, value: object
) -> None:
    wfdb.wrann("s001", "atr", np.array(samples), symbols, write_dir=str(folder))
    assert judged(folder)[column] == pytest.approx(value)
