"""What any recordings must be, for any task: a record that breaks a rule is quarantined, too small a cohort refused."""

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic
from tqdm import tqdm

from bedside.artifacts import Artifact
from bedside.datasets.recording import MILLIVOLTS, Annotations, Header
from bedside.params import Share
from bedside.quality.base import Judgement, Validate
from bedside.quality.expectations import KEY, Rule, Table, judging
from bedside.quality.recordings_table import Row, row

Rows = Sequence[Mapping[str, Any]]


class RecordingsSuite(Validate, abc.ABC):
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
    max_quarantined_share: Share = 0.2

    @abc.abstractmethod
    def annotated(self, header: Header, annotations: Annotations) -> Row:
        """What the annotations of one recording say, in columns of the quality table."""

    @abc.abstractmethod
    def own_rules(self) -> list[Rule]:
        """What must hold of these columns, and of the signal's, for this task."""

    @abc.abstractmethod
    def own_totals(self, accepted: Rows) -> Row:
        """Columns of the cohort that the task asks about."""

    @abc.abstractmethod
    def own_cohort_rules(self) -> list[Rule]:
        """What must hold of them."""

    def judge(self, data: Artifact, docs: Path) -> Judgement:
        entries = data.json("records.json")
        folder = data.path / "records"
        bar = tqdm(entries, desc="signal quality", unit="record")
        rows = [{KEY: e["record"], **row(folder, e, self.annotated)} for e in bar]
        with judging(docs) as judge:
            broken = judge(Table("recordings", rows, self._record_rules(entries)))
            unreadable = {r[KEY]: r["problem"] for r in rows if r["problem"]}
            quarantined = {key: unreadable.get(key, "; ".join(reasons)) for key, reasons in broken.items()}
            accepted = [r for r in rows if r[KEY] not in quarantined]
            cohort = self._cohort(entries, accepted, lost=len(quarantined) + len(data.json("quarantine.json")))
            problems = judge(Table("cohort", [cohort], self._cohort_rules()))
        return Judgement([r[KEY] for r in accepted], quarantined, problems.get("cohort", []), rows)

    def _record_rules(self, entries: Sequence[Any]) -> list[Rule]:
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

    def _cohort(self, entries: Sequence[Any], accepted: Rows, lost: int) -> dict[str, Any]:
        kept = {r[KEY] for r in accepted}
        return {
            KEY: "cohort",
            "patients": len({e["patient"] for e in entries if e["record"] in kept}),
            "quarantined_share": lost / max(1, len(accepted) + lost),
            **self.own_totals(accepted),
        }

    def _cohort_rules(self) -> list[Rule]:
        return [
            Rule("patients", "four splits need four patients", low=4),
            Rule("quarantined_share", "too many records are damaged to trust the rest", 0, self.max_quarantined_share),
            *self.own_cohort_rules(),
        ]
