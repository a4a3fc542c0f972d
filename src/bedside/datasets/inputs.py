"""What networks read: arrays by name, one row per window, in the order in which the dataset declares them.

That order is the order of an exported graph's inputs; a network gets them by name, as `forward(**inputs)`.
"""

import keyword
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.errors import RefusedError

Arrays = Mapping[str, NDArray[np.float32]]  # (window, *shape) each
Shapes = Mapping[str, tuple[int, ...]]  # of one window, without the batch
Rows = slice | NDArray[np.bool_] | NDArray[np.int64]

INDICES = ("label", "record", "patient", "sample")  # what lies beside the inputs in a file of windows
TAKEN = frozenset({*INDICES, "logits"})


def require_names(names: Iterable[str]) -> None:
    """RefusedError for an input that could not be stored beside its labels or given to `forward` by its name."""
    if not (found := list(names)):
        raise RefusedError("the task gives windows without any input; a network needs one at least")
    for name in found:
        if name in TAKEN:
            raise RefusedError(f"an input of the task is called {name}, a name that other arrays bear: rename it")
        if not name.isidentifier() or keyword.iskeyword(name):
            raise RefusedError(f"an input of the task is called {name!r}; networks take it by a Python name: rename it")


def shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    """Shape of one window of each."""
    return {name: tuple(array.shape[1:]) for name, array in arrays.items()}


def rows(arrays: Arrays, chosen: Rows) -> dict[str, NDArray[np.float32]]:
    """These windows of each."""
    return {name: array[chosen] for name, array in arrays.items()}


def count(arrays: Arrays) -> int:
    """How many windows there are."""
    return len(next(iter(arrays.values())))


def concatenated(parts: Sequence[Arrays]) -> dict[str, NDArray[np.float32]]:
    """All windows of `parts`, in order; RefusedError for parts that are not of the same inputs."""
    first = shapes(parts[0])
    if other := next((found for found in map(shapes, parts) if found != first), None):
        raise RefusedError(f"recordings give windows of {said(first)} and of {said(other)}; a dataset has one shape")
    return {name: np.concatenate([part[name] for part in parts]) for name in first}


def not_finite(arrays: Arrays) -> NDArray[np.int64]:
    """Rows (row,) with a number that is not finite in any of the inputs."""
    sound = [np.isfinite(array).reshape(len(array), -1).all(axis=1) for array in arrays.values()]
    return np.flatnonzero(~np.logical_and.reduce(sound))


def described(of: Shapes) -> list[dict[str, Any]]:
    """For `dataset.json`: a list, because it is the one thing there whose order means something."""
    return [{"name": name, "shape": list(shape)} for name, shape in of.items()]


def declared(about: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The inputs that a `dataset.json` declares, in their order; RefusedError for one of an older version."""
    try:
        return {one["name"]: tuple(one["shape"]) for one in about["inputs"]}
    except (KeyError, TypeError):
        raise RefusedError(
            "dataset.json does not list its inputs by name and shape, so another version made it; run prepare again"
        ) from None


def said(of: Shapes) -> str:
    """In words, such as `ecg (2, 120) and age (1)`."""
    *before, last = (f"{name} ({', '.join(map(str, shape))})" for name, shape in of.items())
    return f"{', '.join(before)} and {last}" if before else last
