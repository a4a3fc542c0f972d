"""What any recordings must be, for any task: a record that breaks a rule is quarantined, too small a cohort refused."""

import abc
from collections.abc import Sequence
from pathlib import Path

import pydantic

from bedside.datasets.reading import Entry
from bedside.datasets.recording import MILLIVOLTS, Annotations, Header
from bedside.params import Share
from bedside.quality.cohort import CohortSuite
from bedside.quality.expectations import Rule
from bedside.quality.recordings_table import Row, row


class RecordingsSuite(CohortSuite, abc.ABC):
    """Limits for every recording, then for the cohort of accepted ones; shares are of the worst lead.

    `rate`, `gain` and `units` say what every header must say; where none is named, the rate is the one that ingest took
    from the source, the unit any of voltage, and the gain each lead's own. No sample may be missing: a causal filter
    never gets over one. A task's own suite adds what its signal and its annotations must be.
    """

    rate: pydantic.PositiveFloat | None = None
    gain: pydantic.PositiveFloat | None = None
    units: str | None = None
    min_seconds: pydantic.NonNegativeFloat = 30.0
    max_flat_share: Share = 0.01
    max_clipped_share: Share = 0.01

    @abc.abstractmethod
    def annotated(self, header: Header, annotations: Annotations) -> Row:
        """What the annotations of one recording say, in columns of the quality table."""

    @abc.abstractmethod
    def own_rules(self) -> list[Rule]:
        """What must hold of these columns, and of the signal's, for this task."""

    def row(self, folder: Path, entry: Entry) -> Row:
        return row(folder, entry, self.annotated)

    def record_rules(self, entries: Sequence[Entry]) -> list[Rule]:
        rates = [self.rate] if self.rate else [entry["fs"] for entry in entries]
        return [
            Rule("problem", "the files must agree with their header", allowed=("",)),
            Rule("rate", "every window is cut at this rate", min(rates), max(rates)),
            Rule("units", "amplitudes are in this unit", allowed=(self.units,) if self.units else (*MILLIVOLTS,)),
            *self._gain_rules(),
            Rule("seconds", "long enough to know what is typical of it", low=self.min_seconds),
            Rule("missing_share", "no sample may be missing", 0, 0),
            Rule("flat_share", "a lead that does not move for a second is off", 0, self.max_flat_share),
            Rule("clipped_share", "the converter must not cut the signal off", 0, self.max_clipped_share),
            *self.own_rules(),
        ]

    def _gain_rules(self) -> list[Rule]:
        if self.gain is None:
            return []
        meaning = "amplitudes follow from this gain"
        return [Rule(column, meaning, self.gain, self.gain) for column in ("smallest_gain", "largest_gain")]
