"""A committee (Hansen and Salamon 1990): networks that differ in their seed alone; their mean answer is steadier."""

from collections.abc import Sequence

import pydantic
import torch
from torch import Tensor, nn

from bedside.models import Architecture
from bedside.params import Params, Seed
from bedside.plugins import Choice
from bedside.training.loop import Training


class Committee(Params):
    """One architecture, trained alike from several seeds (`training.seed` is not used)."""

    architecture: Choice[Architecture]
    training: Training = Training()
    seeds: tuple[Seed, ...] = pydantic.Field(default=(0, 1, 2, 3), min_length=1)

    @property
    def trainings(self) -> list[Training]:
        """How each member is trained."""
        return [self.training.model_copy(update={"seed": seed}) for seed in self.seeds]


class MeanAnswer(nn.Module):
    """The mean of the members' log-probabilities: the geometric mean of their answers, up to a factor."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, **inputs: Tensor) -> Tensor:
        """(batch, *shape) each -> logits (batch, class)."""
        answers = [torch.log_softmax(member(**inputs), dim=1) for member in self.members]
        return torch.stack(answers).mean(dim=0)
