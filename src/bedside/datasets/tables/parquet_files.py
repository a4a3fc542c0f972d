"""Parquet: a window a row; the numbers of an input in columns of their own, or as a list in one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from bedside.datasets.tables.columns import ColumnTables, Numbers
from bedside.datasets.tables.part import Texts, as_texts
from bedside.errors import RefusedError


class Parquet(ColumnTables):
    """Parquet files."""

    kind: Literal["parquet"] = "parquet"
    endings: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def header(self, file: Path) -> list[str]:
        return list(_open(file).schema_arrow.names)

    def cells(self, file: Path, texts: Sequence[str], numbers: Sequence[str]) -> tuple[list[Texts], list[Numbers]]:
        import pyarrow as pa

        try:
            table = _open(file).read(columns=list(dict.fromkeys([*texts, *numbers])))
        except (OSError, pa.ArrowException) as error:
            raise _refused(file, error) from None
        read = [_numbers(file, name, table[name].combine_chunks()) for name in numbers]
        return [as_texts(table[name].to_pylist()) for name in texts], read


def _open(file: Path) -> Any:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(file)
    except (OSError, pa.ArrowException) as error:
        raise _refused(file, error) from None


def _numbers(file: Path, name: str, column: Any) -> Numbers:
    """(row, number) of a column; a list that is absent or of another length than most is a gap in its row."""
    from pyarrow import types

    if types.is_list(column.type) or types.is_large_list(column.type) or types.is_fixed_size_list(column.type):
        _expect_numbers(file, name, column.type.value_type)
        return _lists(column.to_pylist())
    _expect_numbers(file, name, column.type)
    empty = column.is_null().to_numpy(zero_copy_only=False)
    return column.cast("double").to_numpy(zero_copy_only=False)[:, None], empty[:, None]


def _lists(rows: list[list[float | None] | None]) -> Numbers:
    lengths = [len(row) for row in rows if row is not None]
    length = max(set(lengths), key=lengths.count) if lengths else 0
    values = np.full((len(rows), length), np.nan)
    for number, row in enumerate(rows):
        if row is not None and len(row) == length:
            values[number] = np.array(row, dtype=np.float64)
    return values, np.isnan(values)


def _expect_numbers(file: Path, name: str, kind: Any) -> None:
    from pyarrow import types

    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
        raise RefusedError(f"{file.name}: column {name} is of type {kind}, which is no number")


def _refused(file: Path, error: Exception) -> RefusedError:
    return RefusedError(f"{file.name}: cannot be read as Parquet ({' '.join(str(error).split())[:200]})")
