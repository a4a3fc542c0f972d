"""What ready windows from tables must be, before anything is learned from them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from bedside.artifacts import ArtifactError
from bedside.datasets.reading import Entry
from bedside.datasets.tables.records import Record, load
from bedside.params import Share
from bedside.quality.cohort import CohortSuite, Row, Rows
from bedside.quality.expectations import Rule


class TableSuite(CohortSuite):
    """How many windows a record must have, how many may show a channel that does not move, and which labels there are.

    `labels` are the texts that may stand in the file; none named: any, and the task refuses what it does not know.
    `rate` in Hz is what each record must have, where the source names a column for it; none named: that of most.
    """

    kind: Literal["table"] = "table"
    min_windows: pydantic.PositiveInt = 1
    max_flat_share: Share = 0.01
    labels: tuple[str, ...] | None = pydantic.Field(default=None, min_length=1)
    rate: pydantic.PositiveFloat | None = None

    def row(self, folder: Path, entry: Entry) -> Row:
        name = str(entry["record"])
        try:
            found = load(folder, name)
        except (ArtifactError, OSError, ValueError, KeyError) as error:
            return {"record": name, "problem": f"{name}: cannot be read ({type(error).__name__})"}
        return {
            "record": name,
            "problem": "",
            "windows": len(found.row),
            "not_finite": sum(int((~np.isfinite(array)).sum()) for array in found.inputs.values()),
            "flat_share": _flat_share(found),
            "unknown_labels": " ".join(sorted(self._unknown(found))),
            **({"rate": entry["fs"]} if "fs" in entry else {}),
            **_extremes(found),
        }

    def record_rules(self, entries: Sequence[Entry]) -> list[Rule]:
        return [
            Rule("problem", "what ingest wrote can be read", allowed=("",)),
            Rule("windows", "so many windows a record needs", low=self.min_windows),
            Rule("not_finite", "a network must never see NaN or infinity", 0, 0),
            Rule("flat_share", "a channel that does not move in a whole window is off", 0, self.max_flat_share),
            Rule("unknown_labels", "every label must be one of those that are named", allowed=("",)),
            *self._rate_rules(entries),
        ]

    def totals(self, accepted: Rows) -> Row:
        columns = [name for name in (accepted[0] if accepted else {}) if name.startswith("lowest ")]
        same = [
            name.removeprefix("lowest ")
            for name in columns
            if min(row[name] for row in accepted) == max(row[name.replace("lowest", "highest")] for row in accepted)
        ]
        return {"constant": ", ".join(same)}

    def total_rules(self) -> list[Rule]:
        return [Rule("constant", "a number that never changes says nothing; leave it out of the input", allowed=("",))]

    def _unknown(self, found: Record) -> set[str]:
        return set() if self.labels is None else {repr(text) for text in {*(found.labels or ())} - {*self.labels}}

    def _rate_rules(self, entries: Sequence[Entry]) -> list[Rule]:
        rates = [entry["fs"] for entry in entries if "fs" in entry]
        if not rates and self.rate is None:
            return []
        rate = self.rate or max(rates, key=rates.count)
        return [Rule("rate", "windows of one dataset are of one rate", rate, rate)]


def _flat_share(found: Record) -> float:
    """Share of windows in which a channel of an input with a time axis has one value throughout."""
    drawn = [array for array in found.inputs.values() if array.ndim > 2]
    flat = [(np.ptp(array, axis=-1) == 0).reshape(len(array), -1).any(axis=1) for array in drawn]
    return float(np.logical_or.reduce(flat).mean()) if flat else 0.0


def _extremes(found: Record) -> Mapping[str, Any]:
    """Lowest and highest value of each entry along the first axis of a window: a channel, or a feature."""
    rows: dict[str, float] = {}
    for name, array in found.inputs.items():
        for number, values in enumerate(_by_entry(array)):
            rows |= {f"lowest {name}[{number}]": float(values.min()), f"highest {name}[{number}]": float(values.max())}
    return rows


def _by_entry(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """(entry, number) of an input (window, *shape)."""
    return np.moveaxis(array, 1, 0).reshape(array.shape[1], -1)
