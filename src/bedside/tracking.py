"""The record of a run: a local journal first, the tracking server when it answers. (Placeholder interface.)"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bedside.artifacts import Artifact


class Run:
    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None: ...
    def artifacts(self, name: str, folder: Path) -> None: ...
    def output(self, name: str, artifact: Artifact) -> None: ...


@contextlib.contextmanager
def run(component: str, record: Mapping[str, Any]) -> Iterator[Run]:
    yield Run()


def log(values: Mapping[str, float], step: int | None = None) -> None:
    """Log metrics to the current run; does nothing outside one."""
