"""NumPy: arrays by name in `.npz`, all windows in one file, or a file per subject."""

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from bedside.datasets.tables.base import Tables
from bedside.datasets.tables.part import Part, Texts, as_texts, faults
from bedside.errors import RefusedError
from bedside.params import Params


class Array(Params):
    """The `array` of an input (window, ...), by its own name where none is said, and the `shape` of a window."""

    array: str | None = None
    shape: tuple[pydantic.PositiveInt, ...] = pydantic.Field(min_length=1)


class Numpy(Tables):
    """`.npz` files without pickled objects. Where no `subject` is named, a file is one subject's, by the file's name.

    Texts are arrays (window,), or have one value for the whole file.
    """

    kind: Literal["numpy"] = "numpy"
    endings: ClassVar[tuple[str, ...]] = (".npz",)

    subject: str | None = None  # type: ignore[assignment]  # a file may be the subject
    inputs: dict[str, Array] = pydantic.Field(min_length=1)

    def read(self, file: Path) -> Part:
        arrays = _arrays(file)
        named = {name: each.array or name for name, each in self.inputs.items()}
        if missing := [name for name in (*self.roles.values(), *named.values()) if name not in arrays]:
            raise RefusedError(f"{file.name}: no array {', '.join(missing)}; there are {', '.join(arrays)}")
        numbers: dict[str, NDArray[np.float32]] = {}
        bad: dict[int, str] = {}
        for name, array in named.items():
            values = self._input(file, name, arrays[array])
            numbers[name] = values.astype(np.float32)
            flat = values.reshape(len(values), -1)
            bad |= dict(faults(flat, np.zeros(flat.shape, bool), [array] * flat.shape[1]))
        windows = len(next(iter(numbers.values())))
        if other := next((name for name, array in numbers.items() if len(array) != windows), None):
            raise RefusedError(f"{file.name}: {len(numbers[other])} windows of {other}, and {windows} of another input")
        texts = {role: _texts(file, name, arrays[name], windows) for role, name in self.roles.items()}
        return Part(file.name, {"subject": np.full(windows, file.stem), **texts}, numbers, bad)

    def _input(self, file: Path, name: str, array: NDArray[Any]) -> NDArray[np.float64]:
        shape = self.inputs[name].shape
        if array.dtype.kind not in "iuf":
            raise RefusedError(f"{file.name}: the array of input {name} is of type {array.dtype}, which is no number")
        if array.ndim == 0 or array[:1].size not in (0, math.prod(shape)):
            raise RefusedError(f"{file.name}: the array of input {name} is {array.shape}, not (windows, {list(shape)})")
        return np.asarray(array.reshape(len(array), *shape), dtype=np.float64)


def _arrays(file: Path) -> Mapping[str, NDArray[Any]]:
    try:
        with np.load(file, allow_pickle=False) as opened:
            return {name: opened[name] for name in opened.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        what = "; texts are arrays of dtype str, not object" if "allow_pickle" in str(error) else ""
        raise RefusedError(f"{file.name}: cannot be read as .npz without pickled objects{what}") from None


def _texts(file: Path, name: str, array: NDArray[Any], windows: int) -> Texts:
    if array.shape not in ((), (windows,)):
        raise RefusedError(
            f"{file.name}: {name} is {array.shape}; it has one value a window ({windows}), or one in all"
        )
    return as_texts(np.broadcast_to(array, windows).tolist())
