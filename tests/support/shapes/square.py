from typing import Literal

from tests.support.shapes.base import Shape


class Square(Shape):
    kind: Literal["square"] = "square"
    side: float = 1.0

    def area(self) -> float:
        return self.side**2
