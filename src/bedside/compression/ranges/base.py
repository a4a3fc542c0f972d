"""Which part of an activation's values an 8-bit grid should span: the family of range estimators."""

import abc

from torch import Tensor

from bedside.plugins import Plugin


class Ranges(Plugin, abc.ABC):
    """Chooses the lowest and highest value of a grid; values outside are clipped, values inside rounded."""

    @abc.abstractmethod
    def bounds(self, values: Tensor) -> tuple[float, float]:
        """(low, high) for what one activation was on calibration windows, (window, ...)."""
