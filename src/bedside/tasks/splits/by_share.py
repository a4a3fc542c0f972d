"""Split by shares of the patients, drawn once from a seed."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal, Self

import pydantic

from bedside.params import Seed
from bedside.tasks.splits.base import Assignment, Split

Part = Annotated[float, pydantic.Field(gt=0, lt=1)]


class ByShare(Split):
    """Shares of the patients for test, validation and calibration; the rest trains, and a person is never divided."""

    kind: Literal["by-share"] = "by-share"
    test: Part = 0.4
    validation: Part = 0.17
    calibration: Part = 0.08
    seed: Seed = 0
    dropped: dict[str, str] = pydantic.Field(default={}, description="records of no split, and why")

    @pydantic.model_validator(mode="after")
    def _leaves_some_to_train(self) -> Self:
        if (given := self.test + self.validation + self.calibration) >= 1:
            raise ValueError(f"test, validation and calibration together are {given:g}, so nobody is left to train on")
        return self

    def assign(self, patients: Mapping[str, str]) -> Assignment:
        left_out = {record: why for record, why in sorted(self.dropped.items()) if record in patients}
        patients = {record: patient for record, patient in patients.items() if record not in left_out}
        people = sorted(set(patients.values()), key=lambda p: hashlib.sha256(f"{self.seed}/{p}".encode()).hexdigest())
        ends = [round(len(people) * s) for s in (self.test, self.test + self.validation)]
        ends.append(round(len(people) * (self.test + self.validation + self.calibration)))
        groups = {
            "test": people[: ends[0]],
            "validation": people[ends[0] : ends[1]],
            "calibration": people[ends[1] : ends[2]],
            "train": people[ends[2] :],
        }
        return Assignment(
            {name: sorted(r for r in patients if patients[r] in group) for name, group in groups.items()}, left_out
        )
