"""Signals in every format that is known are read as wfdb reads them, missing samples and ends of the range included."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from bedside.datasets.headers import read_header
from bedside.datasets.recording import RecordingError, differences, millivolts
from bedside.datasets.samples import FORMATS, read_signal


def write(folder: Path, form: str, samples: int = 101) -> None:
    """A record `a` of three leads, whose values reach the ends of the format; the first sample is missing."""
    half = 1 << (FORMATS[form].bits - 1)
    values = np.random.default_rng(0).integers(-half + 1, half, (samples, 3))
    values[0, 0], values[1], values[2] = -half, -half + 1, half - 1
    folder.mkdir(exist_ok=True)
    wfdb.wrsamp(
        "a",
        128,
        ["mV"] * 3,
        ["I", "II", "III"],
        d_signal=values.astype(np.int64),
        fmt=[form] * 3,
        adc_gain=[50.0] * 3,
        baseline=[3] * 3,
        write_dir=str(folder),
    )


@pytest.mark.parametrize("samples", [100, 101])
@pytest.mark.parametrize("form", sorted({*FORMATS} - {"61", "160"}))  # wfdb reads these two and writes them not
def test_a_known_format_is_read_as_wfdb_reads_it(tmp_path: Path, form: str, samples: int) -> None:
    write(tmp_path, form, samples)
    header = read_header(tmp_path / "a.hea")
    signal = read_signal(tmp_path, header)
    assert differences(header, signal) == []
    expected = wfdb.rdrecord(str(tmp_path / "a")).p_signal
    found = np.stack([millivolts(column, lead) for column, lead in zip(signal.T, header.leads, strict=True)], axis=1)
    assert np.isnan(found[0, 0])
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("form", ["61", "160"])
def test_the_other_orders_of_sixteen_bits_are_read_as_wfdb_reads_them(tmp_path: Path, form: str) -> None:
    write(tmp_path, "16")
    little = np.frombuffer((tmp_path / "a.dat").read_bytes(), dtype="<i2")
    stored = little.astype(">i2") if form == "61" else (little.astype(np.int32) + 32768).astype("<u2")
    (tmp_path / "a.dat").write_bytes(stored.tobytes())
    file = tmp_path / "a.hea"
    file.write_text(file.read_text().replace("a.dat 16 ", f"a.dat {form} "))
    header = read_header(file)
    np.testing.assert_array_equal(read_signal(tmp_path, header), little.reshape(-1, 3))
    assert differences(header, read_signal(tmp_path, header)) == []
    expected = wfdb.rdrecord(str(tmp_path / "a"), physical=False).d_signal
    np.testing.assert_array_equal(read_signal(tmp_path, header), expected)


def test_a_header_without_a_length_takes_that_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, "212")
    file = tmp_path / "a.hea"
    told = read_signal(tmp_path, read_header(file))
    file.write_text(file.read_text().replace("a 3 128 101", "a 3 128"))
    np.testing.assert_array_equal(read_signal(tmp_path, read_header(file)), told)
    (tmp_path / "a.dat").write_bytes((tmp_path / "a.dat").read_bytes()[:-1])
    with pytest.raises(RecordingError, match=r"a.dat: 454 bytes, but its header promises 450; truncated or altered"):
        read_signal(tmp_path, read_header(file))
    (tmp_path / "a.dat").write_bytes(b"")
    with pytest.raises(RecordingError, match=r"a.dat: holds no samples"):
        read_signal(tmp_path, read_header(file))


@pytest.mark.parametrize(("unit", "factor"), [("V", 1e3), ("mV", 1.0), ("uV", 1e-3), ("\u00b5V", 1e-3), ("nV", 1e-6)])
def test_any_unit_of_voltage_becomes_millivolts_and_another_is_refused(
    tmp_path: Path, unit: str, factor: float
) -> None:
    (tmp_path / "a.hea").write_text(f"a 1 128 10\na.dat 16 200(0)/{unit} 11 0 0 0 0 I")
    lead = read_header(tmp_path / "a.hea").leads[0]
    assert millivolts(np.array([400], dtype=np.int16), lead)[0] == pytest.approx(2 * factor)
    (tmp_path / "a.hea").write_text("a 1 128 10\na.dat 16 200(0)/mmHg 11 0 0 0 0 ABP")
    with pytest.raises(RecordingError, match="ABP: its unit is none of voltage; known: V, mV"):
        millivolts(np.array([400], dtype=np.int16), read_header(tmp_path / "a.hea").leads[0])
