"""How much is removed when: the cubic schedule of gradual pruning (Zhu and Gupta 2017)."""

import pydantic
import torch
from torch import Tensor

from bedside.compression.pruning.base import Scores
from bedside.params import Params


class Schedule(Params):
    """Remove a share `ratio` of every group's units in `steps`, the first the largest; counts in multiples."""

    ratio: float = pydantic.Field(default=0.3, gt=0, lt=1)
    steps: int = pydantic.Field(default=2, gt=0)
    multiple: int = pydantic.Field(default=8, gt=0, description="unit counts that the target's kernels like")

    def removed(self, step: int) -> float:
        """Share removed after `step` of `steps` (1-based): ratio * (1 - (1 - step/steps)^3).

        >>> Schedule(ratio=0.4, steps=2).removed(1)
        0.35
        """
        return self.ratio * (1 - (1 - step / self.steps) ** 3)

    def kept(self, step: int, original: int, now: int) -> int:
        """Units of a group after `step`, from how many it had at first and has now."""
        wanted = original * (1 - self.removed(step))
        rounded = max(self.multiple, round(wanted / self.multiple) * self.multiple)
        return min(now, rounded)


def most_important(scores: Scores, counts: dict[str, int]) -> dict[str, Tensor]:
    """Sorted indices of the `counts` most important units of each group."""
    return {name: torch.topk(score, counts[name]).indices.sort().values for name, score in scores.items()}
