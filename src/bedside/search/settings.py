"""The search's own numbers (`params.yaml: search`), and where its study is."""

from typing import Any

import pydantic

from bedside.measurement import Measure
from bedside.params import ClassName, Params, Seed
from bedside.search.space import Space

STORAGE = "BEDSIDE_SEARCH_STORAGE"  # the variable that names the study's database
DEFAULT = "sqlite:///build/search.db"


class Floor(Params):
    """What a class must reach on validation patients, all windows pooled."""

    recall: float = pydantic.Field(ge=0, le=1)
    precision: float = pydantic.Field(ge=0, le=1)


class Search(Params):
    """What may vary, how briefly a candidate is trained, and what decides.

    `short` replaces parameters of a technique while searching; the found recipe has the space's own, full budgets.
    """

    space: Space
    short: dict[str, dict[str, Any]] = pydantic.Field(default_factory=dict)
    watched: tuple[ClassName, ...] = pydantic.Field(min_length=1, description="the worst of them counts")
    floors: dict[ClassName, Floor] = pydantic.Field(default_factory=dict)
    hopeless: float = pydantic.Field(
        default=0.3, ge=0, le=1, description="a candidate this far below a floor is not compressed any further"
    )
    tolerance: float = pydantic.Field(
        default=0.02, ge=0, le=1, description="how much average precision a faster candidate may cost"
    )
    measure: Measure = Measure(windows=5, runs=300, warmup=50, seconds=0.5, batches=(1,), processes=1)
    startup: int = pydantic.Field(default=10, ge=1, description="trials drawn at random before the sampler learns")
    seed: Seed = 0

    @pydantic.model_validator(mode="after")
    def _floors_are_watched(self) -> "Search":
        if unwatched := sorted(set(self.floors) - set(self.watched)):
            raise ValueError(f"floors: {', '.join(unwatched)} is not among watched ({', '.join(self.watched)}); add it")
        return self
