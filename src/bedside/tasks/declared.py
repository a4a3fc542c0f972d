"""Tasks whose outcome is a parameter: any signal, with the classes and the words that params.yaml gives."""

import abc
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from bedside.errors import RefusedError
from bedside.outcome import Outcome
from bedside.plugins import Choice
from bedside.tasks.base import Fitted, RecordWindows, Task
from bedside.tasks.scale import Scale
from bedside.tasks.splits.base import Split
from bedside.tasks.splits.by_share import ByShare

Ints = NDArray[np.int64]


def _as_text(key: object) -> object:
    """YAML takes 0 for a number and `no` for false; in a table both are texts, and only the former is meant."""
    if isinstance(key, bool):
        raise ValueError(f"YAML takes this label for {str(key).lower()}; put it in quotes")
    return str(key) if isinstance(key, int) else key


Label = Annotated[str, pydantic.BeforeValidator(_as_text)]


class Declared(Task, abc.ABC):
    """A task with its `outcome` as a parameter.

    `scale: training` gives every channel (or feature: every entry of the first axis) the mean 0 and the deviation 1 of
    the training windows, which are constants that a device can apply; `none` leaves the numbers as they are.
    """

    decided: Outcome = pydantic.Field(alias="outcome")
    split: Choice[Split] = ByShare()
    scale: Literal["training", "none"] = "training"

    @property
    def outcome(self) -> Outcome:
        return self.decided

    def fitted(self, done: Mapping[str, RecordWindows], train: Sequence[str]) -> Fitted:
        if self.scale == "none":
            return Fitted(done, {})
        scale = Scale.of([done[record] for record in train])
        return Fitted(
            {record: scale.applied(windows) for record, windows in done.items()}, {"scale": scale.described()}
        )

    def description(self) -> dict[str, Any]:
        return {}

    def indices(self, record: str, windows: int, told: Sequence[str | None]) -> Ints:
        """Indices (window,) of the classes that are told of a record's windows; -1 for None."""
        if len(told) != windows:
            raise RefusedError(f"{record}: the task {self.kind} gives {len(told)} labels, not {windows}")
        known: dict[str | None, int] = {None: -1, **{name: at for at, name in enumerate(self.decided.classes)}}
        if unknown := [name for name in told if name not in known]:
            raise RefusedError(
                f"{record}: the task {self.kind} calls a window {unknown[0]!r}; its classes are "
                f"{', '.join(self.decided.classes)}"
            )
        return np.array([known[name] for name in told], dtype=np.int64)


def expect_classes(where: str, names: Mapping[str, str | None], outcome: Outcome) -> None:
    """ValueError for a text that means a class which is none of the outcome's."""
    for text, name in names.items():
        if name is not None and name not in outcome.classes:
            raise ValueError(f"{where}.{text}: no class {name!r}; there are {', '.join(outcome.classes)}")
