"""Headers: every form that the format allows is read, and of every other the message says what is wrong with it."""

from pathlib import Path

import pytest

from bedside.datasets.headers import read_header
from bedside.datasets.recording import Header, RecordingError

RECORD = "a 2 128 1280"
FIRST, SECOND = "a.dat 212 200 10 0 -5 17 0 ECG1", "a.dat 212 0 10 0 3 -9 0 ECG2"
PLAIN = f"{RECORD}\n{FIRST}\n{SECOND}\n# 69 M\n"


def read(folder: Path, text: str | bytes) -> Header:
    file = folder / "a.hea"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_header(file)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(" ", "\t", 12),
        PLAIN.replace(" ", "   ", 3),
        "\ufeff" + PLAIN,
        "# 69 M\n" + PLAIN.replace("# 69 M\n", ""),
        "\n" + PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("a 2 128 1280", "a 2 128/250(0) 1280 12:30:00 01/02/1980"),
        PLAIN.replace(" 200 ", " 2e2(0)/mV "),
        PLAIN.replace("212", "212x1:0+0"),
    ],
    ids=[
        "crlf",
        "tabs",
        "blanks",
        "bom",
        "comment first",
        "blank lines",
        "counter and date",
        "full gain",
        "full format",
    ],
)
def test_every_way_to_write_a_header_says_the_same(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == read(tmp_path, PLAIN)


def test_a_header_gives_what_it_says(tmp_path: Path) -> None:
    header = read(tmp_path, PLAIN)
    assert (header.record, header.rate, header.samples, header.comments) == ("a", 128.0, 1280, ("69 M",))
    first, second = header.leads
    assert (first.name, first.gain, first.units, first.baseline) == ("ECG1", 200.0, "mV", 0)
    assert (first.initial, first.checksum, first.rails, first.missing) == (-5, 17, (-512, 511), -2048)
    assert (second.name, second.gain) == ("ECG2", 0.0)


def test_a_name_may_have_blanks_and_a_unit_letters_of_its_own(tmp_path: Path) -> None:
    header = read(tmp_path, PLAIN.replace(" 200 ", " 200/\u00b5V ").replace("ECG1", "lead  at the left arm"))
    assert (header.leads[0].name, header.leads[0].units) == ("lead  at the left arm", "\u00b5V")
    latin = read(tmp_path, PLAIN.replace(" 200 ", " 200/\u00b5V ").encode("latin-1"))
    assert latin.leads[0].units == "\u00b5V"


@pytest.mark.parametrize("kept", range(2, 9))
def test_fields_that_are_optional_may_be_absent(tmp_path: Path, kept: int) -> None:
    lead = read(tmp_path, f"a 1 128 1280\n{' '.join(FIRST.split()[:kept])}\n").leads[0]
    assert lead.gain == (200.0 if kept > 2 else 0.0)
    assert lead.resolution == (10 if kept > 3 else 12)
    assert (lead.initial, lead.checksum) == (-5 if kept > 5 else None, 17 if kept > 6 else None)
    assert lead.name == "record a, signal 0"


def test_a_header_without_rate_and_length_means_what_the_specification_says(tmp_path: Path) -> None:
    header = read(tmp_path, f"a 1\n{FIRST}\n")
    assert (header.rate, header.samples) == (250.0, 0)


def test_the_ends_of_mit_bihs_converter_follow_from_its_header(tmp_path: Path) -> None:
    lead = read(tmp_path, "a 1 360 10\na.dat 212 200 11 1024 995 -22131 0 MLII").leads[0]
    assert (lead.rails, lead.baseline) == ((0, 2047), 1024)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (PLAIN, "", "does not begin with a record's name and its number of leads"),
        (PLAIN, "\0\1\2", "does not begin with a record's name and its number of leads"),
        ("a 2 128", "b 2 128", "is the header of another record"),
        ("a 2 128", "a/3 2 128", "is of a record of several segments, which is not read; join them"),
        ("a 2 128", "a 3 128", "says 3 leads and describes 2"),
        ("a 2 128", "a 0 128", "has no leads, so there is no signal"),
        ("a 2 128", "a two 128", "number of leads is no whole number"),
        ("a 2 128", "a -1 128", "number of leads is no whole number from 0"),
        ("a 2 128", "a 2 3.6.0", "rate is no number"),
        ("a 2 128", "a 2 nan", "rate is no number"),
        ("a 2 128", "a 2 1e999", "rate is no number"),
        ("a 2 128", "a 2 0", "rate is not above 0 Hz"),
        ("a 2 128", "a 2 -128", "rate is not above 0 Hz"),
        (" 1280", f" {'9' * 5000}", "number of samples is no whole number"),
        (" 1280", " 12.5", "number of samples is no whole number"),
        (FIRST, "a.dat", "lead 0 has no file and format"),
        ("a.dat", "/etc/passwd", "ECG1: its signal is in another file than a.dat"),
        ("a.dat", "a_1.dat", "ECG1: its signal is in another file than a.dat"),
        ("212", "310", "ECG1: format 310 is not read; known: 16, 61, 80, 160, 212"),
        ("212", "twelve", "ECG1: its format is no number"),
        ("212", "212x4", "ECG1: several samples per frame are not read; resample it to one"),
        ("212", "212:7", "ECG1: skews other than 0 are not read"),
        ("212", "212+24", "ECG1: offsets other than 0 are not read"),
        (SECOND, SECOND.replace("212", "16"), "one file cannot hold several formats (16, 212)"),
        (" 200 ", " 2.0.0 ", "ECG1: its gain is no number, with or without (baseline) and /unit"),
        (" 200 ", " 200(1.5) ", "ECG1: baseline is no whole number"),
        (" 10 0 -5", " ten 0 -5", "ECG1: ADC resolution is no whole number"),
        (" 10 0 -5", " 200 0 -5", "ECG1: ADC resolution is no whole number from 0 to 32"),
        (" 10 0 -5", f" 10 {'1' * 20} -5", "ECG1: ADC zero is no whole number"),
        (" -5 17", " - 17", "ECG1: initial value is no whole number"),
        (" -5 17", " -5 x", "ECG1: checksum is no whole number"),
        (" -5 17", " -5 99999", "ECG1: checksum is no whole number from -32768 to 65535"),
        ("a 2 128", "a 257 128", "number of leads is no whole number from 0 to 256"),
        (" 17 0 ECG1", " 17 ECG1", "lead 0: block size is no whole number"),
    ],
)
def test_a_header_that_is_not_read_says_why(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in PLAIN
    with pytest.raises(RecordingError) as refused:
        read(tmp_path, PLAIN.replace(old, new, 1))
    assert str(refused.value).startswith(f"a.hea: {told}")
    assert len(str(refused.value)) < 160


@pytest.mark.parametrize("person", ["Jane Doe 1955-03-02", "Jane_Doe", "19550302", "Doe^Jane"])
def test_a_header_is_never_quoted_wherever_the_name_of_a_patient_stands_in_it(tmp_path: Path, person: str) -> None:
    lines, told = PLAIN.splitlines(), []
    for number in range(3):
        fields = lines[number].split()
        for altered in range(len(fields) + 1):
            line = " ".join([*fields[:altered], person, *fields[altered + 1 :]])
            for text in (line, line.replace(person, f"{person}x")):
                try:
                    read(tmp_path, "\n".join([*lines[:number], text, *lines[number + 1 :]]))
                except RecordingError as error:
                    told.append(str(error))
    assert len(told) > 20
    assert not [each for each in told if any(part in each for part in ("Jane", "Doe", "1955"))]
