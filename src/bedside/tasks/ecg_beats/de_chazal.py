"""The inter-patient split of de Chazal et al. 2004 (doi:10.1109/TBME.2004.827359), with its one flaw mended."""

from collections.abc import Mapping
from typing import Literal, Self

import pydantic

from bedside.tasks.splits.base import Assignment, Split

_FIRST = (101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230)
_SECOND = (100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210, 212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234)
PACED = dict.fromkeys(("102", "104", "107", "217"), "paced (excluded by AAMI EC57)")
DS1, DS2 = tuple(map(str, _FIRST)), tuple(map(str, _SECOND))


class DeChazal(Split):
    """DS2 tests, DS1 trains; `validation` and `calibration` patients come out of DS1.

    Records 201 (DS1) and 202 (DS2) are one man, so `dropped` leaves 201 out everywhere, and the proof says so.
    """

    kind: Literal["de-chazal"] = "de-chazal"
    validation: tuple[str, ...] = pydantic.Field(default=("114", "124", "215", "220"), min_length=1)
    calibration: tuple[str, ...] = pydantic.Field(default=("112", "205"), min_length=1)
    dropped: dict[str, str] = pydantic.Field(default={"201": "the same person as 202, which is in the test set"})

    @pydantic.model_validator(mode="after")
    def _held_out_of_ds1(self) -> Self:
        if others := sorted({*self.validation, *self.calibration} - set(DS1)):
            raise ValueError(f"validation and calibration come out of DS1 ({' '.join(DS1)}), but {others} do not")
        every = [*self.validation, *self.calibration]
        if twice := sorted({record for record in every if every.count(record) > 1}):
            raise ValueError(f"{', '.join(twice)} stands twice in validation and calibration; one patient, one split")
        return self

    def objections(self, source: str) -> list[str]:
        if source.startswith("mitdb-"):
            return []
        return [f"split.kind: de-chazal divides MIT-BIH's records by name, not {source}; by-share divides any"]

    def assign(self, patients: Mapping[str, str]) -> Assignment:
        left_out = PACED | self.dropped
        left_out |= dict.fromkeys(patients.keys() - {*DS1, *DS2, *left_out}, "in neither DS1 nor DS2")
        chosen = {
            "train": [r for r in DS1 if r not in self.validation + self.calibration],
            "validation": self.validation,
            "calibration": self.calibration,
            "test": DS2,
        }
        return Assignment(
            {
                name: sorted(r for r in records if r in patients and r not in left_out)
                for name, records in chosen.items()
            },
            {record: why for record, why in sorted(left_out.items()) if record in patients},
        )
