"""One trial: draw a recipe, have it made and measured, and tell the study what it is worth."""

import dataclasses
from collections.abc import Callable
from typing import Any

import optuna

from bedside.gates import Budget
from bedside.search.figures import Figures, overruns, shortfalls
from bedside.search.settings import Search
from bedside.search.space import Between, Chain, Choose, Pick, label
from bedside.search.study import again, sampler


@dataclasses.dataclass(frozen=True)
class Objective:
    """Worst average precision, p99 in ms, bytes; `attempt` makes a chain and measures it, or says why it stopped."""

    search: Search
    budget: Budget
    attempt: Callable[[Chain], Figures]

    def __call__(self, trial: optuna.Trial) -> tuple[float, float, float]:
        fixed = starting_point(self.search) if trial.number == 0 else None
        trial.study.sampler = sampler(self.search.seed, trial.number, self.search.startup, fixed)
        chain = self.search.space.drawn(suggesting(trial))
        trial.set_user_attr("chain", [step.model_dump(mode="json") for step in chain])
        try:
            figures = self.attempt(chain)
        except KeyboardInterrupt:
            again(trial.study, trial.number)  # its checkpoints are kept, so little of it is done twice
            raise
        return self._told(trial, figures)

    def _told(self, trial: optuna.Trial, figures: Figures) -> tuple[float, float, float]:
        trial.set_user_attr("figures", figures)
        if "stopped" in figures:
            trial.set_constraint("stopped", 1.0)
            raise optuna.TrialPruned(figures["stopped"])
        for name, excess in {**shortfalls(self.search.floors, figures), **overruns(self.budget, figures)}.items():
            trial.set_constraint(name, excess)
        return figures["worst_average_precision"], figures["p99_ms"], float(figures["size_bytes"])


def suggesting(trial: optuna.Trial) -> Pick:
    """Let the study's sampler decide."""

    def pick(name: str, vary: Choose | Between) -> Any:
        if isinstance(vary, Choose):
            named: dict[Any, Any] = {label(value): value for value in vary.choose}
            return named[trial.suggest_categorical(name, list(named))]
        if vary.whole:
            return trial.suggest_int(name, int(vary.low), int(vary.high), step=int(vary.step or 1), log=vary.log)
        return trial.suggest_float(name, vary.low, vary.high, step=vary.step, log=vary.log)

    return pick


def starting_point(search: Search) -> dict[str, Any]:
    """Names and values of the first trial: what is known, so that whatever is found can be compared with it."""
    values: dict[str, Any] = {}

    def pick(name: str, vary: Choose | Between) -> Any:
        values[name] = label(vary.start) if isinstance(vary, Choose) else vary.start
        return vary.start

    search.space.drawn(pick)
    return values
