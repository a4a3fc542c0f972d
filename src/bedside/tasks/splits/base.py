"""The family of splits: which records go where, always whole patients."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field

from bedside.plugins import Plugin

NAMES = ("train", "validation", "calibration", "test")
PACED = dict.fromkeys(("102", "104", "107", "217"), "paced (excluded by AAMI EC57)")  # of MIT-BIH


@dataclass(frozen=True)
class Assignment:
    """Records of each split, and why each other record is in none."""

    splits: dict[str, list[str]]
    left_out: dict[str, str] = field(default_factory=dict)


class Split(Plugin, abc.ABC):
    """A rule that gives every record to one split or says why not."""

    @abc.abstractmethod
    def assign(self, patients: Mapping[str, str]) -> Assignment:
        """Divide the records of `{record: patient}`."""
