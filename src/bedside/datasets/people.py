"""What may be known of a patient: sex and age band, nothing else from the header leaves it."""

import re

from bedside.datasets.recording import Header

_AGE_SEX = re.compile(r"(-?\d{1,3}) ([MF?])\b")


def describe(header: Header) -> dict[str, str]:
    """`{sex: F|M|unknown, age_band: <60|>=60|unknown}` from the first header comment (`69 M 1085 1629 x1`)."""
    match = _AGE_SEX.match(header.comments[0]) if header.comments else None
    age, sex = (int(match[1]), match[2]) if match else (-1, "?")
    band = "unknown" if age < 0 else "<60" if age < 60 else ">=60"
    return {"sex": sex if sex in "MF" else "unknown", "age_band": band}
