"""Moving average of each batch's smallest and largest value (Jacob et al. 2018): what training then goes on with."""

from typing import Literal

import pydantic
import torch
from torch import Tensor

from bedside.compression.ranges.base import Ranges


class MovingAverage(Ranges):
    """The first batch sets the range, every later one moves it by `momentum`."""

    kind: Literal["moving_average"] = "moving_average"
    momentum: float = pydantic.Field(default=0.05, gt=0, le=1)
    batch: int = pydantic.Field(default=256, gt=0)

    def bounds(self, values: Tensor) -> tuple[float, float]:
        first, *later = (torch.stack([part.min(), part.max()]) for part in torch.split(values, self.batch))
        for extremes in later:
            first = first.lerp(extremes, self.momentum)
        return float(first[0]), float(first[1])
