"""What any cohort must be: a record that breaks a rule is quarantined, too small a rest refused."""

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bedside.artifacts import Artifact
from bedside.datasets.reading import Entry
from bedside.params import Share
from bedside.quality.base import Judgement, Validate
from bedside.quality.expectations import KEY, Rule, Table, judging

Rows = Sequence[Mapping[str, Any]]
Row = dict[str, Any]


class CohortSuite(Validate, abc.ABC):
    """Limits for every record, then for the cohort of accepted ones."""

    max_quarantined_share: Share = 0.2

    @abc.abstractmethod
    def row(self, folder: Path, entry: Entry) -> Row:
        """The quality table's row of one row of records.json; `problem` says why it could not be read at all."""

    @abc.abstractmethod
    def record_rules(self, entries: Sequence[Entry]) -> list[Rule]:
        """What must hold of each such row."""

    @abc.abstractmethod
    def totals(self, accepted: Rows) -> Row:
        """Columns of the cohort beside patients and what was quarantined."""

    @abc.abstractmethod
    def total_rules(self) -> list[Rule]:
        """What must hold of them."""

    def judge(self, data: Artifact, docs: Path) -> Judgement:
        entries = data.json("records.json")
        bar = tqdm(entries, desc="signal quality", unit="record")
        rows = [{KEY: entry["record"], **self.row(data.path / "records", entry)} for entry in bar]
        with judging(docs) as judge:
            broken = judge(Table("recordings", rows, self.record_rules(entries)))
            unreadable = {r[KEY]: r["problem"] for r in rows if r["problem"]}
            quarantined = {key: unreadable.get(key, "; ".join(reasons)) for key, reasons in broken.items()}
            accepted = [r for r in rows if r[KEY] not in quarantined]
            cohort = self._cohort(entries, accepted, lost=len(quarantined) + len(data.json("quarantine.json")))
            problems = judge(Table("cohort", [cohort], self._cohort_rules()))
        return Judgement([r[KEY] for r in accepted], quarantined, problems.get("cohort", []), rows)

    def _cohort(self, entries: Sequence[Entry], accepted: Rows, lost: int) -> Row:
        kept = {r[KEY] for r in accepted}
        return {
            KEY: "cohort",
            "patients": len({e["patient"] for e in entries if e["record"] in kept}),
            "quarantined_share": lost / max(1, len(accepted) + lost),
            **self.totals(accepted),
        }

    def _cohort_rules(self) -> list[Rule]:
        return [
            Rule("patients", "four splits need four patients", low=4),
            Rule("quarantined_share", "too many records are damaged to trust the rest", 0, self.max_quarantined_share),
            *self.total_rules(),
        ]
