"""The no-op check: a technique that made nothing smaller fails loudly."""

from torch import nn

from bedside.errors import RefusedError
from bedside.training.stages import parameters


def require_fewer_parameters(technique: str, before: nn.Module, after: nn.Module, least_share: float) -> float:
    """Return the share of parameters removed; refuse when it is below `least_share`.

    >>> require_fewer_parameters("prune", nn.Linear(4, 4), nn.Linear(4, 2), 0.1)
    0.5
    """
    removed = 1 - parameters(after) / parameters(before)
    if removed < least_share:
        raise RefusedError(
            f"{technique} removed {removed:.1%} of {parameters(before)} parameters, less than the {least_share:.0%} "
            f"that would be worth a variant; raise its strength in params.yaml or drop the variant"
        )
    return removed
