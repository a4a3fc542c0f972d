"""Breathing that stops: a label rule of its own over a table of ready windows."""

from collections.abc import Sequence
from typing import Literal

from bedside.datasets.tables.records import Record
from bedside.tasks.windows.task import ReadyWindows


class Apnoea(ReadyWindows):
    """An epoch is an apnoea if the scorer saw at least `seconds` of it; what nobody scored is unscored."""

    kind: Literal["apnoea"] = "apnoea"
    seconds: float = 10.0

    def classes(self, record: Record) -> Sequence[str | None]:
        return [self._class(text) for text in record.labels or ()]

    def _class(self, text: str) -> str | None:
        return None if text == "" else "apnoea" if float(text) >= self.seconds else "breathing"
