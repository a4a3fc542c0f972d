"""Where a training stops being one of numbers, and which parameter is to blame, in one sentence."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from bedside.errors import NotFiniteError, RefusedError
from bedside.models.finite import not_finite
from bedside.training.batches import Batch

if TYPE_CHECKING:
    from bedside.training.loop import Training


@dataclass(frozen=True)
class Guard:
    """Stops the training `name` at its first loss, gradient, weight, answer or score that is not finite."""

    name: str
    training: "Training"

    def step(self, place: str, batch: Batch, loss: float, norm: Tensor, moved: bool) -> None:
        """Judge one step before it is taken; `moved`: the optimizer has taken others before it."""
        if math.isfinite(loss) and math.isfinite(norm):
            return
        what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {float(norm)}"
        if not all(torch.isfinite(values).all() for values in batch.inputs.values()):
            raise RefusedError(
                f"{self.name}: {place}: augmented windows are not finite; lower training.sampling.augmentation"
            )
        if not moved:
            raise RefusedError(
                f"{self.name}: {place}: {what} before any weight has moved, so the step size is not to blame; look at "
                "what the loss is made of (soft_targets, features, label_smoothing)"
            )
        raise RefusedError(f"{self.name}: diverged in {place}: {what}; {self._advice}")

    @contextlib.contextmanager
    def within(self, epoch: int) -> Iterator[None]:
        """Say in which epoch, from 1, the network was found not to be finite; 0 is before any training."""
        try:
            yield
        except NotFiniteError as error:
            if epoch:
                raise RefusedError(
                    f"{self.name}: diverged in epoch {epoch}: it {error.found}; {self._advice}"
                ) from None
            raise RefusedError(
                f"{self.name}: before its first epoch it {error.found}; make again what it begins with (the parent)"
            ) from None

    def score(self, value: float) -> None:
        """Refuse a score that compares with nothing; minus infinity is how a score rules an epoch out."""
        if math.isnan(value) or value == math.inf:
            raise RefusedError(
                f"{self.name}: the score of its validation patients is {value}, so no epoch can be chosen; look at "
                "validation.watched"
            )

    @property
    def _advice(self) -> str:
        how = self.training
        return (
            f"lower training.learning_rate ({how.learning_rate:g}) or training.clip ({how.clip:g}), or raise "
            f"training.warmup ({how.warmup:g})"
        )


def require_numbers(network: nn.Module) -> None:
    """NotFiniteError for weights or buffers that are not finite."""
    if found := not_finite(network):
        raise NotFiniteError("the network", f"holds {found}", "train it again with a lower training.learning_rate")
