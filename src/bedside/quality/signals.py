"""What recordings of any signal must be, of which the task asks nothing more."""

from pathlib import Path
from typing import Literal

import pydantic

from bedside.datasets.reading import Entry
from bedside.datasets.recording import Annotations, Header
from bedside.quality.cohort import Rows
from bedside.quality.expectations import Rule
from bedside.quality.recordings import RecordingsSuite
from bedside.quality.recordings_table import Row, row


class Signals(RecordingsSuite):
    """Long enough, whole, on and not cut off; in volts of any size.

    A channel is off that moves less than `flat_mv` in a second, in mV: a thousandth suits an EEG.
    """

    kind: Literal["signals"] = "signals"
    flat_mv: pydantic.PositiveFloat = 0.001

    def row(self, folder: Path, entry: Entry) -> Row:
        return row(folder, entry, self.annotated, self.flat_mv)

    def annotated(self, header: Header, annotations: Annotations) -> Row:  # noqa: ARG002  # they say nothing here
        return {}

    def own_rules(self) -> list[Rule]:
        return []

    def totals(self, accepted: Rows) -> Row:  # noqa: ARG002
        return {}

    def total_rules(self) -> list[Rule]:
        return []
