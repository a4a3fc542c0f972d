import math
from typing import Literal

import pydantic

from tests.support.shapes.base import Shape


class Circle(Shape):
    kind: Literal["circle"] = "circle"
    radius: float = pydantic.Field(default=1.0, gt=0)

    def area(self) -> float:
        return math.pi * self.radius**2
