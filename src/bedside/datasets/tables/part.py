"""What is read of one table: texts by what they are, numbers by input, and the rows that are not fit for use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Texts = NDArray[np.str_]


@dataclass(frozen=True)
class Part:
    """One file: `texts` (row,) by role (`subject`, `label` ...), `numbers` (row, *shape) by input.

    `faults` says of a row, counted from 0, which of its cells holds no finite number.
    """

    file: str
    texts: Mapping[str, Texts]
    numbers: Mapping[str, NDArray[np.float32]]
    faults: Mapping[int, str] = field(default_factory=dict)

    def place(self, row: int) -> str:
        """A row for people: they count from 1, without the header."""
        return f"{self.file}, row {row + 1}"


def as_texts(values: Sequence[Any]) -> Texts:
    """Cells as texts: absent ones are empty, and a whole number has no point, however it was stored."""
    return np.array([_text(value) for value in values], dtype=np.str_)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value.decode("utf-8", "replace") if isinstance(value, bytes) else value).strip()


def faults(values: NDArray[np.float64], empty: NDArray[np.bool_], columns: Sequence[str]) -> Iterator[tuple[int, str]]:
    """(row, what is wrong) of numbers (row, column) that a network could not read; `empty` are those with no cell."""
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(values.astype(np.float32))
    for row in np.flatnonzero(bad.any(axis=1)):
        column = int(bad[row].argmax())
        what = "is empty" if empty[row, column] else "is no finite number"  # its text is never quoted: it may be a name
        yield int(row), f"{columns[column]} {what}"
