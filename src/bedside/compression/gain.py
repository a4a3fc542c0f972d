"""The no-op check: a technique that made nothing smaller fails loudly.

Nothing here is timed: whether a network exists must not depend on how busy the machine was that trained it. What a
network costs in time is measured in `evaluate` and judged by a gate (G19).
"""

from typing import Annotated

import pydantic
from torch import nn

from bedside.errors import RefusedError
from bedside.params import Params
from bedside.targets.onnxruntime import OnnxRuntime
from bedside.training.stages import parameters

LeastShare = Annotated[float, pydantic.Field(ge=0, lt=1)]  # of what must go away


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


class IntegerGain(Params):
    """What int8 must bring to be worth a variant."""

    smaller: float = pydantic.Field(default=0.4, lt=1, description="least share of the file's bytes that goes away")


def require_smaller(before: bytes, after: bytes, how: IntegerGain) -> dict[str, float]:
    """Compare two exported graphs as ONNX Runtime runs them: the share of bytes saved, and the integer operators.

    Refuses a graph that is too large, or that promises integers (8-bit activations) and runs none.
    """
    target = OnnxRuntime()
    (large, _), (small, audit) = target.optimize(before), target.optimize(after)  # refuses without integer operators
    saved = 1 - len(small) / len(large)
    if saved < how.smaller:
        raise RefusedError(
            f"int8 makes the file {saved:.1%} smaller ({len(large)} -> {len(small)} bytes), less than the "
            f"{how.smaller:.0%} asked for; the network is too small: drop it, or lower gain.smaller (params.yaml)"
        )
    return {"gain/bytes_saved": saved, "gain/integer_operators": float(sum(audit["integer_operators"].values()))}
