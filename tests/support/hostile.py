"""Recordings made to cost a reader time, memory or the whole cohort: each a sound one with one thing wrong."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bedside.datasets.recording import LARGEST, MOST_VALUES

Attack = Callable[[Path, str], None]
N, SKIP, AUX, END = 1 << 10, 59 << 10, 63 << 10, 0


def words(folder: Path, record: str, *values: int) -> None:
    """An annotation file of these words."""
    (folder / f"{record}.atr").write_bytes(np.array(values, dtype="<u2").tobytes())


def grown(folder: Path, name: str, size: int) -> None:
    """A file that is as long as that, and takes no room on the disk."""
    os.truncate(folder / name, size)


def first_line(field: int, value: str) -> Attack:
    """Another value in the header's record line."""
    return lambda folder, record: _altered(folder, record, 0, field, value)


def lead_line(field: int, value: str) -> Attack:
    """Another value in the header's line of the first lead."""
    return lambda folder, record: _altered(folder, record, 1, field, value)


def _altered(folder: Path, record: str, line: int, field: int, value: str) -> None:
    file = folder / f"{record}.hea"
    lines = file.read_text().splitlines()
    fields = lines[line].split(" ")
    fields[field] = value
    lines[line] = " ".join(fields)
    file.write_text("\n".join(lines) + "\n")


def _many_leads(folder: Path, record: str) -> None:
    lines = [f"{record} 20000 360 1", *[f"{record}.dat 212 200"] * 20000]
    (folder / f"{record}.hea").write_text("\n".join(lines))


def _twice(folder: Path, record: str) -> None:
    file = folder / f"{record}.hea"
    lines = file.read_text().splitlines()
    lines.insert(1, lines[1])
    file.write_text("\n".join(lines))


def _long_signal(folder: Path, record: str) -> None:
    """A header that is right about a signal of ten gigabytes."""
    (folder / f"{record}.hea").write_text(f"{record} 1 360 5000000000\n{record}.dat 16 200 16 0 0 0 0 MLII\n")
    grown(folder, f"{record}.dat", 10_000_000_000)


def _largest_signal(folder: Path, record: str) -> None:
    """As long as a signal may be, in the format that takes the most to decode, with a checksum that is wrong."""
    header = f"{record} 2 360 {MOST_VALUES // 2}\n" + f"{record}.dat 212 200 12 0 0 1 0 MLII\n" * 2
    (folder / f"{record}.hea").write_text(header)
    grown(folder, f"{record}.dat", MOST_VALUES * 3 // 2)


def _largest_annotations(folder: Path, record: str) -> None:
    """As many annotations as a file may hold, all in one place."""
    words(folder, record, *[N] * (LARGEST[".atr"] // 2 - 1), END)


def _noise(folder: Path, record: str) -> None:
    (folder / f"{record}.atr").write_bytes(random.Random(1).randbytes(4_000_000))


def _folder_for_a_signal(folder: Path, record: str) -> None:
    (folder / f"{record}.dat").unlink()
    (folder / f"{record}.dat").mkdir()


HEADERS: dict[str, Attack] = {
    "rate of 0": first_line(2, "0"),
    "rate below 0": first_line(2, "-360"),
    "rate without an end": first_line(2, "inf"),
    "rate that is no number": first_line(2, "nan"),
    "rate beyond numbers": first_line(2, "1e400"),
    "rate of next to nothing": first_line(2, "1e-300"),
    "no leads": first_line(1, "0"),
    "leads below 0": first_line(1, "-2"),
    "a thousand million leads": first_line(1, "1000000000"),
    "more leads than described": first_line(1, "3"),
    "leads by the thousand": _many_leads,
    "10^15 samples": first_line(3, "1000000000000000"),
    "10^12 samples": first_line(3, "1000000000000"),
    "samples below 0": first_line(3, "-1"),
    "samples with 4,000 digits": first_line(3, "9" * 4000),
    "more samples than there are": first_line(3, "10801"),
    "checksum of 13 digits": lead_line(6, "1" * 13),
    "checksum of 4,000 digits": lead_line(6, "1" * 4000),
    "first value beyond the converter": lead_line(5, "2147483647"),
    "resolution of 10^9 bits": lead_line(3, "1000000000"),
    "gain that is no number": lead_line(2, "nan"),
    "gain beyond numbers": lead_line(2, "1e999"),
    "signal in another folder": lead_line(0, "../s002.dat"),
    "signal in the system": lead_line(0, "/etc/passwd"),
    "signal of another record": lead_line(0, "s002.dat"),
    "the same lead twice": _twice,
    "format of another size": lead_line(1, "16"),
    "a header of 100 MB": lambda folder, record: grown(folder, f"{record}.hea", 100_000_000),
    "nothing in the header": lambda folder, record: grown(folder, f"{record}.hea", 0),
}
SIGNALS: dict[str, Attack] = {
    "a signal of 10 GB": _long_signal,
    "a signal as long as may be": _largest_signal,
    "a folder for a signal": _folder_for_a_signal,
    "no signal": lambda folder, record: grown(folder, f"{record}.dat", 0),
}
ANNOTATIONS: dict[str, Attack] = {
    "annotations of 100 MB": lambda folder, record: grown(folder, f"{record}.atr", 100_000_000),
    "annotations as many as may be": _largest_annotations,
    "annotations of noise": _noise,
    "an annotation before the signal": lambda folder, record: words(folder, record, SKIP, 0xFFFF, 0xFF00, N | 10, END),
    "an annotation after the signal": lambda folder, record: words(folder, record, SKIP, 0x7FFF, 0xFFFF, N | 10, END),
    "annotations that go back": lambda folder, record: words(
        folder, record, N | 500, SKIP, 0xFFFF, 0xFFFF - 200, N | 10, END
    ),
    "two beats at one time": lambda folder, record: words(folder, record, N | 500, 5 << 10, N | 300, END),
    "text that goes on for ever": lambda folder, record: words(folder, record, N | 500, AUX | 1023),
    "no annotations": lambda folder, record: grown(folder, f"{record}.atr", 0),
}
HOSTILE = {**HEADERS, **SIGNALS, **ANNOTATIONS}
