"""The family of suites: what must hold of a kind of data before it is used."""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from bedside import tasks
from bedside.artifacts import Artifact
from bedside.plugins import Plugin


@dataclass(frozen=True)
class Judgement:
    """Accepted records, the reason for each quarantined one, what is wrong with the whole, and the judged rows."""

    accepted: list[str]
    quarantined: dict[str, str]
    problems: list[str]
    rows: Sequence[Mapping[str, Any]]


class Validate(Plugin, abc.ABC):
    """A suite of expectations; its fields are the limits, so that a loosened limit shows in a params diff."""

    elsewhere: ClassVar[tuple[ModuleType, ...]] = (tasks,)  # what recordings must hold is for their task to say

    @abc.abstractmethod
    def judge(self, data: Artifact, docs: Path) -> Judgement:
        """Derive tables from `data`, judge them, and leave Data Docs in the folder `docs`."""
