"""Suite for windows: a dataset with one bad row is refused whole, because it was made from approved recordings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic

from bedside.artifacts import Artifact
from bedside.datasets.inputs import Shapes, declared
from bedside.datasets.windows import Windows, read_windows
from bedside.outcome import Outcome, outcome_of
from bedside.params import ClassName
from bedside.quality.base import Judgement, Validate
from bedside.quality.expectations import KEY, Rule, Table, judging

SPLIT_RULES = [
    Rule("shared_patients", "a person may be in one split only", 0, 0),
    Rule("too_few", "every class must be there to be learned and checked", allowed=("",)),
]


Judged = Literal["train", "validation", "calibration"]
Least = Mapping[Judged, Mapping[str, int]]


class WindowsSuite(Validate):
    """Limits for the windows of each record in each split, then for each split.

    `max_amplitude` is for inputs with a time axis, in units of the record's typical peak-to-peak; `max_feature` for
    inputs that are lists of features. `min_windows` is per split and class; where it is not said, one of each class to
    train on, of each that makes the macro-F1 to validate on, of the background to calibrate on.
    """

    kind: Literal["windows"] = "windows"
    max_amplitude: pydantic.PositiveFloat = 60.0
    max_feature: pydantic.PositiveFloat = 4.0
    max_duplicates: pydantic.NonNegativeInt = 0
    min_windows: dict[Judged, dict[ClassName, pydantic.NonNegativeInt]] | None = None

    def judge(self, data: Artifact, docs: Path) -> Judgement:
        about = data.json("dataset.json")
        inputs, outcome = declared(about), outcome_of(data)
        least = one_of_each(outcome) if self.min_windows is None else self.min_windows
        names = sorted(about["splits"])
        splits = {name: read_windows(data / f"{name}.safetensors", inputs) for name in names}  # as they are
        seen: set[bytes] = set()
        rows = [
            {KEY: f"{split}/{about['records'][record]}", **_row(windows[windows.record == record], seen)}
            for split, windows in splits.items()
            for record in np.unique(windows.record)
        ]
        totals = [_total(split, splits, outcome, least) for split in sorted({*splits, *least})]
        with judging(docs) as judge:
            broken = judge(Table("windows", rows, self._rules(inputs, len(outcome.classes)), _expected(about, outcome)))
            broken |= judge(Table("splits", totals, SPLIT_RULES))
        problems = [f"{key}: {'; '.join(reasons)}" for key, reasons in broken.items()]
        return Judgement(about["records"], {}, problems, [*rows, *totals])

    def _rules(self, inputs: Shapes, classes: int) -> list[Rule]:
        limits = {name: self.max_feature if len(shape) < 2 else self.max_amplitude for name, shape in inputs.items()}
        return [
            Rule("not_finite", "a network must never see NaN or infinity", 0, 0),
            *(
                Rule(f"{name}_{end}", "inputs are on one scale, that of past windows", -limit, limit)
                for name, limit in limits.items()
                for end in ("low", "high")
            ),
            Rule("label_low", "labels are indices of classes", 0, classes - 1),
            Rule("label_high", "labels are indices of classes", 0, classes - 1),
            Rule("duplicates", "no window may be there twice", 0, self.max_duplicates),
        ]


def one_of_each(outcome: Outcome) -> Least:
    """What a split needs at least, for a task that says no more than its outcome."""
    wanted: dict[Judged, Sequence[str]] = {
        "train": outcome.classes,
        "validation": outcome.macro.classes,
        "calibration": [name for name in [outcome.background] if name],
    }
    return {split: dict.fromkeys(names, 1) for split, names in wanted.items()}


def _total(split: str, splits: Mapping[str, Windows], outcome: Outcome, least: Least) -> dict[str, Any]:
    """One split; `too_few` names each class with its number and the number that is needed."""
    mine = splits.get(split)
    label = [] if mine is None else mine.label.tolist()
    counts = {name: label.count(index) for index, name in enumerate(outcome.classes)}
    others = {p for name, windows in splits.items() if name != split for p in windows.patient.tolist()}
    needed = {name: number for own, each in least.items() if own == split for name, number in each.items()}
    few = {name: number for name, number in needed.items() if counts.get(name, 0) < number}
    return {
        KEY: split,
        "shared_patients": 0 if mine is None else len(others & set(mine.patient.tolist())),
        "too_few": ", ".join(f"{name}: {counts.get(name, 0)} of {number}" for name, number in few.items()),
        **{f"windows_{name}": count for name, count in counts.items()},
    }


def _expected(about: Mapping[str, Any], outcome: Outcome) -> dict[str, str]:
    """Every record of every split must have windows."""
    splits = about["splits"].items()
    missing = f"a record in a split has {outcome.unit.many}, and this one has none; leave it out of the splits"
    return {f"{split}/{record}": missing for split, counted in splits for record in counted["records"]}


def _row(windows: Windows, seen: set[bytes]) -> dict[str, Any]:
    """One record's windows in one split; a window that is in `seen`, or comes twice, is a duplicate."""
    drawn = [array for array in windows.inputs.values() if array.ndim > 2] or [*windows.inputs.values()]
    digests = [b"".join(row.tobytes() for row in window) for window in zip(*drawn, strict=True)]
    fresh = set(digests) - seen
    seen |= fresh
    return {
        "windows": len(windows),
        "not_finite": sum(int((~np.isfinite(array)).sum()) for array in windows.inputs.values()),
        **{f"{name}_low": float(array.min()) for name, array in windows.inputs.items()},
        **{f"{name}_high": float(array.max()) for name, array in windows.inputs.items()},
        "label_low": int(windows.label.min()),
        "label_high": int(windows.label.max()),
        "duplicates": len(digests) - len(fresh),
    }
