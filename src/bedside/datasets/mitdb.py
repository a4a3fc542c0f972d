"""MIT-BIH Arrhythmia Database 1.0.0 (Moody and Mark 2001; ODC-BY 1.0): 48 half-hour records of 47 people."""

from typing import Literal

from bedside.datasets.published import Published


class Mitdb(Published):
    """MIT-BIH as PhysioNet publishes it: 360 Hz, 200 ADC units per mV."""

    kind: Literal["mitdb"] = "mitdb"
    name: Literal["mitdb"] = "mitdb"
    version: Literal["1.0.0"] = "1.0.0"
    # "This record was taken from the same analog tape as record 201" (header of 202)
    same_person: dict[str, str] = {"202": "201"}  # noqa: RUF012  # pydantic copies it
    sums_sha256: str | None = "b61158a96d5f2ca80edfb354a9a66a6324836c390a84e1966dcee2b907d6be43"
