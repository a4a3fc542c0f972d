"""Any set of recordings in WFDB format with beat annotations: PhysioNet's, or a hospital's own."""

from typing import Literal

import pydantic

from bedside.datasets.base import Name
from bedside.datasets.published import Published


class Wfdb(Published):
    """What the headers must say (`rate`, `units`, and `gain` if all leads have one) and who vouches for the files.

    The label of everything that is made from it is `<name>-<version>`. `sums_sha256: null` trusts the list of digests
    that is found.
    """

    kind: Literal["wfdb"] = "wfdb"
    name: Name
    version: Name
    rate: float = pydantic.Field(gt=0)
    gain: pydantic.PositiveFloat | None = None
