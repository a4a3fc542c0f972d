"""Tables whose columns have names: which of them make an input, and in which order."""

import abc
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from bedside.datasets.tables.base import Tables
from bedside.datasets.tables.part import Part, Texts, faults
from bedside.errors import RefusedError
from bedside.params import Params

Numbers = tuple[NDArray[np.float64], NDArray[np.bool_]]  # (row, number), and which of them have no cell


class Columns(Params):
    """The columns of an input, by name or by a pattern for the whole name, and the `shape` of a window.

    What a pattern finds is ordered as people count: x_2 comes before x_10.
    """

    columns: tuple[str, ...] | str
    shape: tuple[pydantic.PositiveInt, ...] = pydantic.Field(min_length=1)

    @pydantic.model_validator(mode="after")
    def _is_a_pattern(self) -> Self:
        if isinstance(self.columns, str):
            try:
                re.compile(self.columns)
            except re.error as error:
                raise ValueError(f"columns: {self.columns!r} is no regular expression ({error})") from None
        return self

    @property
    def size(self) -> int:
        """How many numbers a window has."""
        return math.prod(self.shape)

    def names(self, header: Sequence[str]) -> list[str]:
        """These columns of a file with that header."""
        if not isinstance(self.columns, str):
            return list(self.columns)
        pattern = re.compile(self.columns)
        return sorted((name for name in header if pattern.fullmatch(name)), key=_as_counted)


def _as_counted(name: str) -> list[tuple[int, str]]:
    return [(int(digits) if digits else -1, text) for text, digits in re.findall(r"(\D*)(\d*)", name)]


class ColumnTables(Tables, abc.ABC):
    """Tables whose columns have names; `inputs` says which make which input of the network."""

    inputs: dict[str, Columns] = pydantic.Field(min_length=1)

    @abc.abstractmethod
    def header(self, file: Path) -> list[str]:
        """The names of the columns, in order."""

    @abc.abstractmethod
    def cells(self, file: Path, texts: Sequence[str], numbers: Sequence[str]) -> tuple[list[Texts], list[Numbers]]:
        """These columns, as texts (row,) and as numbers (row, 1), or (row, number) where a cell is a list."""

    def read(self, file: Path) -> Part:
        header = self.header(file)
        chosen = {name: columns.names(header) for name, columns in self.inputs.items()}
        self._expect(file, header, chosen)
        flat = [column for columns in chosen.values() for column in columns]
        texts, numbers = self.cells(file, list(self.roles.values()), flat)
        by_column = dict(zip(flat, numbers, strict=True))
        arrays: dict[str, NDArray[np.float32]] = {}
        bad: dict[int, str] = {}
        for name, columns in chosen.items():
            values = np.concatenate([by_column[column][0] for column in columns], axis=1)
            empty = np.concatenate([by_column[column][1] for column in columns], axis=1)
            if values.shape[1] != self.inputs[name].size:
                raise RefusedError(self._other_size(file, name, f"{values.shape[1]} numbers"))
            each = columns if len(columns) == values.shape[1] else columns * values.shape[1]
            bad |= dict(faults(values, empty, each))
            with np.errstate(over="ignore"):
                arrays[name] = values.astype(np.float32).reshape(-1, *self.inputs[name].shape)
        return Part(file.name, dict(zip(self.roles, texts, strict=True)), arrays, bad)

    def _expect(self, file: Path, header: Sequence[str], chosen: dict[str, list[str]]) -> None:
        """RefusedError for a column that is not there or there twice, and for a pattern that finds none."""
        wanted = [*self.roles.values(), *(column for columns in chosen.values() for column in columns)]
        if missing := [column for column in dict.fromkeys(wanted) if column not in header]:
            raise RefusedError(f"{file.name}: no column {', '.join(missing)}; there are {_few(header)}")
        if twice := sorted({column for column in wanted if header.count(column) > 1}):
            raise RefusedError(f"{file.name}: column {', '.join(twice)} is there twice; rename one")
        for name, columns in chosen.items():
            if not columns:
                raise RefusedError(
                    f"{file.name}: no column is called {self.inputs[name].columns}; there are {_few(header)}"
                )
            if len(columns) not in (1, self.inputs[name].size):
                raise RefusedError(self._other_size(file, name, f"{len(columns)} columns"))

    def _other_size(self, file: Path, name: str, found: str) -> str:
        asked = self.inputs[name]
        return (
            f"{file.name}: the input {name} is of shape {list(asked.shape)}, which takes {asked.size} numbers, and "
            f"source.inputs.{name}.columns gives {found}"
        )


def _few(header: Sequence[str]) -> str:
    return ", ".join(header[:12]) + (f" and {len(header) - 12} more" if len(header) > 12 else "")
