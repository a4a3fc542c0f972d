"""Annotations are read as wfdb reads them; what it passes over in silence is an error here."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from bedside.datasets.annotations import SYMBOLS, read_annotations
from bedside.datasets.headers import read_header
from bedside.datasets.recording import RecordingError, strays

N, END, SKIP = 1 << 10, 0, 59 << 10


def write(folder: Path, *words: int) -> Path:
    file = folder / "a.atr"
    file.write_bytes(np.array(words, dtype="<u2").tobytes())
    return file


def test_every_symbol_has_the_code_that_wfdb_gives_it() -> None:
    table = wfdb.io.annotation.ann_label_table
    assert all(SYMBOLS[code] == symbol for code, symbol in zip(table.label_store, table.symbol, strict=True))


def test_long_pauses_between_annotations_are_stepped_over(tmp_path: Path) -> None:
    wfdb.wrann("far", "atr", np.array([5, 500_000]), ["N", "V"], write_dir=str(tmp_path))
    assert read_annotations(tmp_path / "far.atr").sample.tolist() == [5, 500_000]


@pytest.mark.parametrize("code", [0, 15, 17, 42, 45, 49])
def test_a_code_without_a_symbol_keeps_its_number(tmp_path: Path, code: int) -> None:
    found = read_annotations(write(tmp_path, N | 100, code << 10 | 7, N | 100, END))
    assert found.symbol.tolist() == ["N", f"<{code}>", "N"]
    assert found.sample.tolist() == [100, 107, 207]


def test_a_file_without_its_end_mark_is_an_error(tmp_path: Path) -> None:
    for words in [(), (N | 100,), (N | 100, SKIP), (N | 100, SKIP, 0), (N | 100, 63 << 10 | 1023)]:
        with pytest.raises(RecordingError, match=r"a.atr: ends without its end mark; truncated"):
            read_annotations(write(tmp_path, *words))


def test_beats_that_a_damaged_word_would_hide_are_an_error(tmp_path: Path) -> None:
    assert read_annotations(write(tmp_path, N | 100, END, 0, 0)).sample.tolist() == [100]
    with pytest.raises(RecordingError, match=r"a.atr: goes on after its end mark"):
        read_annotations(write(tmp_path, N | 100, END, N | 100, END))


def test_time_that_goes_back_is_an_error_and_so_are_two_beats_but_no_mark_at_one_time(
    tmp_path: Path,
) -> None:
    assert read_annotations(write(tmp_path, N | 100, 28 << 10, END)).sample.tolist() == [100, 100]
    with pytest.raises(RecordingError, match=r"a.atr: two beats at sample 100; damaged, or two annotators in one"):
        read_annotations(write(tmp_path, N | 100, 28 << 10, 5 << 10, END))
    back = (1 << 32) - 50
    with pytest.raises(RecordingError, match=r"a.atr: an annotation at sample 60 follows one at 100; damaged"):
        read_annotations(write(tmp_path, N | 100, SKIP, back >> 16, back & 0xFFFF, N | 10, END))
    with pytest.raises(RecordingError, match=r"an annotation at sample -40 follows one at 0"):
        read_annotations(write(tmp_path, SKIP, back >> 16, back & 0xFFFF, N | 10, END))


def test_annotations_beyond_the_records_end_are_told_with_their_number_and_the_last(tmp_path: Path) -> None:
    (tmp_path / "a.hea").write_text("a 1 128 200\na.dat 212 200 10 0 0 0 0 I")
    header = read_header(tmp_path / "a.hea")
    assert strays(header, read_annotations(write(tmp_path, N | 199, END))) == []
    (told,) = strays(header, read_annotations(write(tmp_path, N | 199, N | 1, N | 60, END)))
    assert told.startswith("2 annotations lie beyond its end (up to sample 260 of 200)")
