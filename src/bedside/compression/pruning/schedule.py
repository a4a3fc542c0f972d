"""How much is removed when: at once, in equal steps, or most of it first. Fine-tuning follows each step."""

import abc
from typing import Literal, Self

import pydantic
import torch
from torch import Tensor

from bedside.compression.pruning.base import Scores
from bedside.errors import NotFiniteError
from bedside.plugins import Plugin


class Schedule(Plugin, abc.ABC):
    """Remove a share `ratio` in `steps`; what is left is counted in multiples. Without a `kind` it is cubic."""

    ratio: float = pydantic.Field(default=0.3, gt=0, lt=1)
    steps: int = pydantic.Field(default=2, gt=0)
    multiple: int = pydantic.Field(default=8, gt=0, description="counts that the target's kernels like")

    @classmethod
    def build(cls, raw: object) -> Self:
        return super().build({"kind": "cubic", **raw} if isinstance(raw, dict) else raw)

    @abc.abstractmethod
    def removed(self, step: int) -> float:
        """Share removed after `step` of `steps` (1-based); `ratio` after the last."""

    def kept(self, share: float, original: int) -> int:
        """What is left of `original` units or weights when `share` of them goes, in multiples.

        >>> OneShot(multiple=16).kept(0.3, 128)
        96
        """
        rounded = max(self.multiple, round(original * (1 - share) / self.multiple) * self.multiple)
        return min(original, rounded)


class OneShot(Schedule):
    """Everything at once."""

    kind: Literal["one_shot"] = "one_shot"
    steps: Literal[1] = 1

    def removed(self, step: int) -> float:
        del step
        return self.ratio


class Iterative(Schedule):
    """Equal steps (Han et al. 2015).

    >>> Iterative(ratio=0.4, steps=2).removed(1)
    0.2
    """

    kind: Literal["iterative"] = "iterative"

    def removed(self, step: int) -> float:
        return self.ratio * step / self.steps


class Cubic(Schedule):
    """Gradual pruning, the first step the largest: ratio * (1 - (1 - step/steps)^3) (Zhu and Gupta 2017).

    >>> Cubic(ratio=0.4, steps=2).removed(1)
    0.35
    """

    kind: Literal["cubic"] = "cubic"

    def removed(self, step: int) -> float:
        return self.ratio * (1 - (1 - step / self.steps) ** 3)


def most_important(scores: Scores, counts: dict[str, int]) -> dict[str, Tensor]:
    """Sorted indices of the `counts` most important units of each group; scores must be finite to rank anything."""
    for name, score in scores.items():
        if not torch.isfinite(score).all():
            found = f"gives units of {name} an importance that is not finite"
            raise NotFiniteError("the network", found, "train it again with a lower training.learning_rate")
    return {name: torch.topk(score, counts[name]).indices.sort().values for name, score in scores.items()}
