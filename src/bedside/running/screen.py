"""A line per stage: `12 of 46  evaluate combined on onnxruntime-cpu   8 s`, on a terminal and in a log alike."""

import os
import re
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from typing import TextIO

STARTED = re.compile(r"-m (?:bedside\.stages |components\.)(\w+)")  # the stage that a command starts


def in_words(stage: str, command: str, targets: Collection[str]) -> str:
    """What a stage of dvc.yaml does: `evaluate@onnxruntime-cpu-tiny` evaluates tiny on onnxruntime-cpu."""
    name, _, subject = stage.partition("@")
    if not subject:
        return name.replace("_", " ")
    component = STARTED.search(command)
    verb = (component[1] if component else name).replace("_", " ")
    if subject in targets:
        return f"{verb} for {subject}"
    target = next((target for target in targets if subject.startswith(f"{target}-")), "")
    return f"{verb} {subject.removeprefix(f'{target}-')} on {target}" if target else f"{verb} {subject}"


def duration(seconds: float) -> str:
    """`8 s`, `2 min 5 s`, `1 h 2 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def own_screen() -> TextIO:
    """Where stdout leads now, whatever it is turned to later."""
    sys.stdout.flush()
    return os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")


class Screen:
    """Prints the lines; with `whole` (other output comes between) the end of a stage is a line of its own."""

    def __init__(self, names: Sequence[str], out: TextIO, *, whole: bool = False) -> None:
        self._names, self._out, self._whole = names, out, whole
        self._width = max(map(len, names), default=0)
        self._begun = 0.0
        self._is_open = False

    def begins(self, number: int) -> None:
        """The stage of that number (from 0) starts."""
        self._begun = time.monotonic()
        self._say(self._line(number), end="\n" if self._whole else "")
        self._is_open = not self._whole

    def ends(self, number: int, how: str = "") -> None:
        """It ended, after so long or as `how` says."""
        told = how or duration(time.monotonic() - self._begun)
        self._say(f"   {told}" if self._is_open else f"{self._line(number)}   {told}")
        self._is_open = False

    def fails(self, number: int, about: Iterable[str]) -> None:
        """It failed; `about` says why."""
        self.ends(number, f"FAILED after {duration(time.monotonic() - self._begun)}")
        for line in about:
            self._say(f"    {line}")

    def _line(self, number: int) -> str:
        total = len(self._names)
        return f"{number + 1:>{len(str(total))}} of {total}  {self._names[number]:<{self._width}}"

    def _say(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._out, flush=True)
