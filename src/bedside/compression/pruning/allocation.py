"""Who gives how much: the share of each group that goes, so that the whole costs what uniform pruning would.

The currency is multiply-accumulates. `ratio` keeps its meaning, the share of units that uniform pruning takes from
every group; any other allocation must end at no more multiply-accumulates than that.
"""

import abc
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from bedside.compression.pruning.layer_scan import Curves
from bedside.errors import RefusedError
from bedside.plugins import Plugin

Shares = dict[str, float]
HALVINGS = 40
EVEN = 1e-6  # nats per share: groups that cost nothing share alike, instead of giving all they have


class Allocation(Plugin, abc.ABC):
    """Spreads a pruning over the groups."""

    @abc.abstractmethod
    def shares(self, share: float, curves: Curves, cost: Callable[[Mapping[str, float]], float]) -> Shares:
        """Share of each group (group -> share), so that `cost` is at most that of taking `share` from every group."""


class Uniform(Allocation):
    """The same share of every group."""

    kind: Literal["uniform"] = "uniform"

    def shares(self, share: float, curves: Curves, cost: Callable[[Mapping[str, float]], float]) -> Shares:
        del cost
        return dict.fromkeys(curves, share)


class Sensitivity(Allocation):
    """Every group gives until it alone makes answers fall by the same amount, so a sensitive one keeps more.

    One threshold for all layers, as Han et al. (2015) set by hand; here it is the smallest that meets the cost.
    """

    kind: Literal["sensitivity"] = "sensitivity"

    def shares(self, share: float, curves: Curves, cost: Callable[[Mapping[str, float]], float]) -> Shares:
        budget = cost(dict.fromkeys(curves, share))
        low, high = 0.0, max(_falls(points)[-1] for points in curves.values())
        if cost(_at(high, curves)) > budget:
            raise RefusedError(
                f"the layer scan ends before the cost of pruning {share:.0%} of every group is reached; "
                "add a larger share to scan.shares in params.yaml"
            )
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if cost(_at(middle, curves)) <= budget else (middle, high)
        return _at(high, curves)


def _at(fall: float, curves: Curves) -> Shares:
    """The share of each group that alone costs `fall`, between the shares that were tried."""
    return {
        name: float(np.interp(fall, _falls(points), [point["share"] for point in points]))
        for name, points in curves.items()
    }


def _falls(points: list[dict[str, float]]) -> list[float]:
    """The falls of a curve made strictly rising: pruning more never counts as better."""
    highest = np.maximum.accumulate([point["fall"] for point in points])
    return [float(fall + EVEN * point["share"]) for fall, point in zip(highest, points, strict=True)]
