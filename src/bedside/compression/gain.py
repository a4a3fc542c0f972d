"""The no-op check: a technique that made nothing smaller, or anything slower, fails loudly."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pydantic
from torch import nn

from bedside.errors import RefusedError
from bedside.measurement.environment import pinned
from bedside.measurement.latency import interleaved, ratios
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
    """What int8 must bring to be worth a variant; latency is noisy, hence a tolerance."""

    smaller: float = pydantic.Field(default=0.4, lt=1, description="least share of the file's bytes that goes away")
    slower: float = pydantic.Field(default=0.1, ge=0, description="0.1: p50 may be at most 10% above the parent's")
    windows: int = pydantic.Field(default=7, gt=0, description="pairs of timed windows, in turns")
    runs: int = pydantic.Field(default=300, gt=0)


class PairGain(Params):
    """What two networks must save beside the second alone, which answers every window without them."""

    cheaper: float = pydantic.Field(default=0.1, lt=1, description="least share of the second's time that is saved")
    windows: int = pydantic.Field(default=7, gt=0, description="pairs of timed windows, in turns")
    runs: int = pydantic.Field(default=300, gt=0)


def require_smaller_and_no_slower(
    before: bytes, after: bytes, shapes: Sequence[Sequence[int]], how: IntegerGain
) -> dict[str, float]:
    """Compare two exported graphs as ONNX Runtime runs them: batch 1, one thread, A B A B; `shapes` of their inputs.

    Returns the share of bytes saved, how many times faster, and the integer operators. Refuses a graph that is too
    large or slower, or that promises integers (8-bit activations) and runs none.
    """
    target = OnnxRuntime()
    (large, _), (small, audit) = target.optimize(before), target.optimize(after)  # refuses without integer operators
    saved = 1 - len(small) / len(large)
    if saved < how.smaller:
        raise RefusedError(
            f"int8 makes the file {saved:.1%} smaller ({len(large)} -> {len(small)} bytes), less than the "
            f"{how.smaller:.0%} asked for; the network is too small: drop it, or lower gain.smaller (params.yaml)"
        )
    faster = times_faster(small, large, shapes, how)
    if faster < 1 / (1 + how.slower):
        raise RefusedError(
            f"int8 is slower than its float parent: {1 / faster:.2f} times its p50 in ONNX Runtime, where "
            f"{1 + how.slower:.2f} is tolerated; its layers are too small for integer kernels: quantize the weights "
            "alone (activations: dynamic), or drop the variant (params.yaml)"
        )
    integers = float(sum(audit["integer_operators"].values()))
    return {"gain/bytes_saved": saved, "gain/times_faster": faster, "gain/integer_operators": integers}


def require_cheaper_together(
    first: bytes, second: bytes, rate: float, shapes: Sequence[Sequence[int]], how: PairGain
) -> dict[str, float]:
    """What a window costs on average when `first` answers all and `second` a share `rate` of them too.

    Both are exported graphs, timed as `require_smaller_and_no_slower` does. Returns how many times faster the first is
    and the average in times of the second, 1 / faster + rate; refuses an average that saves less than asked for.
    """
    target = OnnxRuntime()
    faster = times_faster(target.compiled(first), target.compiled(second), shapes, how)
    share = 1 / faster + rate
    if share > 1 - how.cheaper:
        raise RefusedError(
            f"the first network takes {1 / faster:.2f} times as long as the second, which {rate:.1%} of the windows "
            f"need too: {share:.2f} together, where {1 - how.cheaper:.2f} would be worth a variant; make the first "
            "smaller, or drop the variant (params.yaml)"
        )
    return {"gain/first_times_faster": faster, "gain/expected_cost": share}


def times_faster(
    candidate: bytes, reference: bytes, shapes: Sequence[Sequence[int]], how: IntegerGain | PairGain
) -> float:
    """Ratio of the p50 of two optimized graphs on one window of zeros, reference over candidate; median over pairs."""
    window = [np.zeros((1, *shape), np.float32) for shape in shapes]
    target = OnnxRuntime()
    with pinned(target.threads):
        calls = [target.session(graph).bound(*window) for graph in (candidate, reference)]
        mine, theirs = interleaved(*calls, windows=how.windows, runs=how.runs, warmup=how.runs // 10, seconds=1.0)
    return ratios(mine, theirs)["p50"]["median"]
