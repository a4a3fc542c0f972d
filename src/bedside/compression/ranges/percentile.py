"""The range that holds a share of all values (Wu et al. 2020): outliers are clipped, equally many on both sides."""

from typing import Literal

import numpy as np
import pydantic
from torch import Tensor

from bedside.compression.ranges.base import Ranges


class Percentile(Ranges):
    """`share` of the values stays inside."""

    kind: Literal["percentile"] = "percentile"
    share: float = pydantic.Field(default=0.9999, gt=0.5, le=1)

    def bounds(self, values: Tensor) -> tuple[float, float]:
        outside = (1 - self.share) / 2
        low, high = np.quantile(values.numpy(), [outside, 1 - outside])
        return float(low), float(high)
