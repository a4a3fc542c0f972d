"""Suite for windows: a dataset with one bad row is refused whole, because it was made from approved recordings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic

from bedside.artifacts import Artifact
from bedside.datasets.inputs import Shapes, declared
from bedside.datasets.windows import Windows, read_windows
from bedside.params import ClassName
from bedside.quality.base import Judgement, Validate
from bedside.quality.expectations import KEY, Rule, Table, judging

SPLIT_RULES = [
    Rule("shared_patients", "a person may be in one split only", 0, 0),
    Rule("too_few", "every class must be there to be learned and checked", allowed=("",)),
]


class WindowsSuite(Validate):
    """Limits for the windows of each record in each split, then for each split.

    `max_amplitude` is for inputs with a time axis, in units of the record's typical peak-to-peak; `max_feature` for
    inputs that are lists of features. `min_beats` is per split and class.
    """

    kind: Literal["windows"] = "windows"
    max_amplitude: pydantic.PositiveFloat = 60.0
    max_feature: pydantic.PositiveFloat = 4.0
    max_duplicates: pydantic.NonNegativeInt = 0
    min_beats: dict[Literal["train", "validation", "calibration"], dict[ClassName, pydantic.NonNegativeInt]] = {  # noqa: RUF012  # pydantic copies it
        "train": {"N": 1, "S": 1, "V": 1, "F": 1},
        "validation": {"N": 1, "S": 1, "V": 1},
        "calibration": {"N": 1},
    }

    def judge(self, data: Artifact, docs: Path) -> Judgement:
        about = data.json("dataset.json")
        inputs, names = declared(about), sorted(about["splits"])
        splits = {name: read_windows(data / f"{name}.safetensors", inputs) for name in names}  # as they are
        seen: set[bytes] = set()
        rows = [
            {KEY: f"{split}/{about['records'][record]}", **_row(windows[windows.record == record], seen)}
            for split, windows in splits.items()
            for record in np.unique(windows.record)
        ]
        totals = [self._total(split, splits, about) for split in sorted({*splits, *self.min_beats})]
        with judging(docs) as judge:
            broken = judge(Table("windows", rows, self._rules(inputs, len(about["classes"])), _expected(about)))
            broken |= judge(Table("splits", totals, SPLIT_RULES))
        problems = [f"{key}: {'; '.join(reasons)}" for key, reasons in broken.items()]
        return Judgement(about["records"], {}, problems, [*rows, *totals])

    def _total(self, split: str, splits: Mapping[str, Windows], about: Mapping[str, Any]) -> dict[str, Any]:
        """One split; `too_few` names each class with its number and the number that is needed."""
        mine = splits.get(split)
        label = [] if mine is None else mine.label.tolist()
        counts = {name: label.count(index) for index, name in enumerate(about["classes"])}
        others = {p for name, windows in splits.items() if name != split for p in windows.patient.tolist()}
        needed = {name: beats for name, beats in self.min_beats.items() if name == split}
        few = {n: least for beats in needed.values() for n, least in beats.items() if counts.get(n, 0) < least}
        return {
            KEY: split,
            "shared_patients": 0 if mine is None else len(others & set(mine.patient.tolist())),
            "too_few": ", ".join(f"{name}: {counts.get(name, 0)} of {least}" for name, least in few.items()),
            **{f"beats_{name}": count for name, count in counts.items()},
        }

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


def _expected(about: Mapping[str, Any]) -> dict[str, str]:
    """Every record of every split must have windows."""
    splits = about["splits"].items()
    missing = "a record in a split has beats, and this one has none; leave it out of the splits"
    return {f"{split}/{record}": missing for split, counted in splits for record in counted["records"]}


def _row(windows: Windows, seen: set[bytes]) -> dict[str, Any]:
    """One record's windows in one split; a window that is in `seen`, or comes twice, is a duplicate."""
    drawn = [array for array in windows.inputs.values() if array.ndim > 2] or [*windows.inputs.values()]
    digests = [b"".join(row.tobytes() for row in window) for window in zip(*drawn, strict=True)]
    fresh = set(digests) - seen
    seen |= fresh
    return {
        "beats": len(windows),
        "not_finite": sum(int((~np.isfinite(array)).sum()) for array in windows.inputs.values()),
        **{f"{name}_low": float(array.min()) for name, array in windows.inputs.items()},
        **{f"{name}_high": float(array.max()) for name, array in windows.inputs.items()},
        "label_low": int(windows.label.min()),
        "label_high": int(windows.label.max()),
        "duplicates": len(digests) - len(fresh),
    }
