"""CSV: a header, then a window a row."""

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pydantic

from bedside.datasets.tables.columns import ColumnTables, Numbers
from bedside.datasets.tables.part import Texts, as_texts
from bedside.errors import RefusedError

EMPTY = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]  # what a column of numbers may hold in place of one


class Csv(ColumnTables):
    """CSV in UTF-8; `separator` is between cells, `decimal` before a fraction."""

    kind: Literal["csv"] = "csv"
    endings: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".txt")

    separator: str = pydantic.Field(default=",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."

    def header(self, file: Path) -> list[str]:
        try:
            with file.open(encoding="utf-8-sig", newline="") as opened:
                return next(csv.reader(opened, delimiter=self.separator), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise _refused(file, error) from None

    def cells(self, file: Path, texts: Sequence[str], numbers: Sequence[str]) -> tuple[list[Texts], list[Numbers]]:
        frame = self._frame(file, texts, numbers)
        return [as_texts(frame[name].tolist()) for name in texts], [_numbers(frame[name]) for name in numbers]

    def _frame(self, file: Path, texts: Sequence[str], numbers: Sequence[str]) -> Any:
        import pandas as pd

        only_numbers = {name: EMPTY for name in numbers if name not in texts}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with more cells than the header
                return pd.read_csv(
                    file,
                    sep=self.separator,
                    decimal=self.decimal,
                    encoding="utf-8-sig",
                    dtype=dict.fromkeys(texts, str),
                    keep_default_na=False,
                    na_values=only_numbers,
                    index_col=False,
                    low_memory=False,
                )
        except (UnicodeDecodeError, ValueError, pd.errors.ParserWarning) as error:
            raise _refused(file, error) from None


def _numbers(column: Any) -> Numbers:
    import pandas as pd

    empty = column.isna().to_numpy()
    known = pd.Series(np.nan, column.index) if column.dtype == bool else pd.to_numeric(column, errors="coerce")
    return np.asarray(known.to_numpy(np.float64))[:, None], np.asarray(empty)[:, None]


def _refused(file: Path, error: Exception) -> RefusedError:
    what = (
        "it is not UTF-8; save it as UTF-8" if isinstance(error, UnicodeDecodeError) else " ".join(str(error).split())
    )
    return RefusedError(f"{file.name}: cannot be read as CSV ({what})")
