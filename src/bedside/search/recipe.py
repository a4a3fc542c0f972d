"""The found recipe: the trials that nothing surpasses, the one that is taken, and its lineage for params.yaml."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from bedside.errors import RefusedError
from bedside.lineage import ROOT, Lineage
from bedside.search.space import Chain, Step

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

COMPLETE = "COMPLETE"  # Optuna's word for a trial that has its three figures


def feasible(trials: Sequence["FrozenTrial"]) -> list["FrozenTrial"]:
    """Finished trials that keep every floor and the budget."""
    done = (trial for trial in trials if trial.state.name == COMPLETE)
    return [trial for trial in done if all(excess <= 0 for excess in trial.constraints.values())]


def front(trials: Sequence["FrozenTrial"]) -> list["FrozenTrial"]:
    """Feasible trials that no other one surpasses in all three figures, fastest first; of equals, the earliest."""
    kept = {_losses(trial): trial for trial in reversed(feasible(trials))}
    best = [t for mine, t in kept.items() if not any(_surpasses(other, mine) for other in kept)]
    return sorted(best, key=lambda trial: trial.values[1])


def chosen(trials: Sequence["FrozenTrial"], tolerance: float, number: int | None = None) -> "FrozenTrial":
    """The fastest of the front whose quality is within `tolerance` of its best, or trial `number` if that is asked for.

    Quality is fixed first and speed compared second (as the MLPerf Tiny rules do). Raises RefusedError when no trial
    keeps the floors and the budget, naming the one that came closest.
    """
    best = front(trials)
    if number is not None:
        named = [trial for trial in feasible(trials) if trial.number == number]
        if not named:
            raise RefusedError(f"trial {number} has no figures that keep the floors and the budget; {_listed(best)}")
        return named[0]
    if not best:
        raise RefusedError(
            f"no trial keeps the floors and the budget{_closest(trials)}; search longer, or ask for less"
        )
    least = max(trial.values[0] for trial in best) - tolerance
    return next(trial for trial in best if trial.values[0] >= least)


def variants(chain: Chain, name: str) -> dict[str, Any]:
    """The chain as `variants`: the last is called `name`, those before it `name-technique`.

    Worked: distill, quantize as "found" -> found-distill (parent teacher), found (parent found-distill).
    """
    made: dict[str, Any] = {}
    parent = ROOT
    for step in chain:
        own = name if step is chain[-1] else f"{name}-{step.technique}"
        made[own] = {"parent": parent, **step.model_dump(mode="json")}
        parent = own
    Lineage(variants=made)  # what params.yaml will be read with
    return made


def text(trial: "FrozenTrial", about: Mapping[str, Any], study: str, name: str) -> str:
    """YAML for params.yaml, headed by where it comes from and what was seen."""
    figures = trial.user_attrs["figures"]
    chain = tuple(Step.model_validate(step) for step in trial.user_attrs["chain"])
    seen = ", ".join(
        f"{c} recall {figures[f'{c}_recall']:.3f} precision {figures[f'{c}_precision']:.3f}"
        for c in about["search"]["watched"]
    )
    head = (
        f"# Trial {trial.number} of study {study!r}, after short training (validation patients only): {seen};\n"
        f"# p99 {figures['p99_ms']:.3g} ms, {figures['size_bytes']:,} bytes with {about['target']['kind']} "
        f"on {about['processor']}.\n# The budgets below are the full ones: train it, then let the gates judge it.\n"
    )
    return head + yaml.safe_dump(
        {"variants": variants(chain, name)}, sort_keys=False, default_flow_style=None, width=110
    )


def _losses(trial: "FrozenTrial") -> tuple[float, float, float]:
    quality, p99, size = trial.values
    return -quality, p99, size


def _surpasses(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def _closest(trials: Sequence["FrozenTrial"]) -> str:
    missed = [trial for trial in trials if trial.state.name == COMPLETE]
    if not missed:
        return ""
    trial = min(missed, key=lambda trial: sum(max(excess, 0) for excess in trial.constraints.values()))
    short = ", ".join(f"{name} by {excess:.3g}" for name, excess in trial.constraints.items() if excess > 0)
    return f": the closest, trial {trial.number}, misses {short}"


def _listed(best: Sequence["FrozenTrial"]) -> str:
    return f"best: {', '.join(str(trial.number) for trial in best) or 'none'}"
