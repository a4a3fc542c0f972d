"""Suite for windows: a dataset with one bad row is refused whole, because it was made from approved recordings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bedside.artifacts import Artifact
from bedside.datasets.windows import Windows, load_split
from bedside.quality.base import Judgement, Validate
from bedside.quality.expectations import KEY, Rule, Table, judging


class WindowsSuite(Validate):
    """Limits for the windows of each record in each split, then for each split.

    `max_amplitude` is in units of the record's typical peak-to-peak. `min_beats` is per split and class.
    """

    kind: Literal["windows"] = "windows"
    max_amplitude: float = 60.0
    max_rhythm: float = 4.0
    max_duplicates: int = 0
    min_beats: dict[str, dict[str, int]] = {  # noqa: RUF012  # pydantic copies it
        "train": {"N": 1, "S": 1, "V": 1, "F": 1},
        "validation": {"N": 1, "S": 1, "V": 1},
        "calibration": {"N": 1},
    }

    def judge(self, data: Artifact, docs: Path) -> Judgement:
        about = data.json("dataset.json")
        splits = {name: load_split(data, name) for name in sorted(about["splits"])}
        seen: set[bytes] = set()
        rows = [
            {KEY: f"{split}/{about['records'][record]}", **_row(windows[windows.record == record], seen)}
            for split, windows in splits.items()
            for record in np.unique(windows.record)
        ]
        totals = [_total(split, splits, about) for split in sorted({*splits, *self.min_beats})]
        with judging(docs) as judge:
            broken = judge(Table("windows", rows, self._rules(len(about["classes"]))))
            for total in totals:
                broken |= judge(Table(f"split {total[KEY]}", [total], self._split_rules(total[KEY])))
        problems = [f"{key}: {'; '.join(reasons)}" for key, reasons in broken.items()]
        return Judgement(about["records"], {}, problems, [*rows, *totals])

    def _split_rules(self, split: str) -> list[Rule]:
        present = self.min_beats.get(split, {})
        return [
            Rule("shared_patients", "a person may be in one split only", 0, 0),
            *(Rule(f"beats_{name}", f"class {name} must be present", low=n) for name, n in present.items()),
        ]

    def _rules(self, classes: int) -> list[Rule]:
        return [
            Rule("beats", "a record in a split has beats", low=1),
            Rule("not_finite", "a network must never see NaN or infinity", 0, 0),
            Rule("largest_amplitude", "windows are on the scale of past beats", 0, self.max_amplitude),
            Rule("rhythm_low", "rhythm features are logarithms of clipped ratios", -self.max_rhythm, self.max_rhythm),
            Rule("rhythm_high", "rhythm features are logarithms of clipped ratios", -self.max_rhythm, self.max_rhythm),
            Rule("label_low", "labels are indices of classes", 0, classes - 1),
            Rule("label_high", "labels are indices of classes", 0, classes - 1),
            Rule("duplicates", "no window may be there twice", 0, self.max_duplicates),
        ]


def _row(windows: Windows, seen: set[bytes]) -> dict[str, Any]:
    """One record's windows in one split; a window that is in `seen`, or comes twice, is a duplicate."""
    digests = [row.tobytes() for row in windows.signal]
    fresh = set(digests) - seen
    seen |= fresh
    return {
        "beats": len(windows),
        "not_finite": int((~np.isfinite(windows.signal)).sum() + (~np.isfinite(windows.rhythm)).sum()),
        "largest_amplitude": float(np.abs(windows.signal).max()),
        "rhythm_low": float(windows.rhythm.min()),
        "rhythm_high": float(windows.rhythm.max()),
        "label_low": int(windows.label.min()),
        "label_high": int(windows.label.max()),
        "duplicates": len(digests) - len(fresh),
    }


def _total(split: str, splits: Mapping[str, Windows], about: Mapping[str, Any]) -> dict[str, Any]:
    none: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    label = splits[split].label if split in splits else none
    mine = set(splits[split].patient.tolist()) if split in splits else set()
    others = {p for name, windows in splits.items() if name != split for p in windows.patient.tolist()}
    counts = {f"beats_{name}": int((label == index).sum()) for index, name in enumerate(about["classes"])}
    return {KEY: split, "shared_patients": len(mine & others), **counts}
