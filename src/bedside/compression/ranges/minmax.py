"""Smallest and largest value seen: nothing is clipped, and one outlier widens every step."""

from typing import Literal

from torch import Tensor

from bedside.compression.ranges.base import Ranges


class MinMax(Ranges):
    """The whole range."""

    kind: Literal["minmax"] = "minmax"

    def bounds(self, values: Tensor) -> tuple[float, float]:
        return float(values.min()), float(values.max())
