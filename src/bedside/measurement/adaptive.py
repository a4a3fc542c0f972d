"""A graph that takes a longer path for some windows: for how many, and what either path costs."""

import numpy as np
import onnx
from numpy.typing import NDArray

from bedside.edge.runner import Arrays, Runner, batch_of, rows
from bedside.graph.branches import is_switched, router
from bedside.graph.reading import model_of
from bedside.measurement.latency import Rotation, affordable, timed
from bedside.targets.base import Target

BATCH = 64


def both_paths(  # noqa: PLR0917  (what is measured, and for how long)
    target: Target, graph: bytes, runner: Runner, inputs: Arrays, runs: int, seconds: float
) -> dict[str, float | None] | None:
    """Share of windows on the long path, either path's median latency, and what both come to; None: there is one path.

    Worked: 10% of windows take 1.1 ms, the others 0.02 ms: `expected_ms` is 0.9 x 0.02 + 0.1 x 1.1 = 0.128. A path
    that no window takes has no latency.
    """
    model = model_of(graph)
    if not is_switched(model):
        return None
    long = unsure(target, model, inputs)
    paths = {"short_p50_ms": ~long, "long_p50_ms": long}
    medians = {
        name: _median(Rotation(runner, rows(inputs, taken)), runs, seconds) if taken.any() else None
        for name, taken in paths.items()
    }
    rate = float(long.mean())
    expected = (1 - rate) * (medians["short_p50_ms"] or 0) + rate * (medians["long_p50_ms"] or 0)
    return {"switch_rate": rate, **medians, "expected_ms": expected}


def unsure(target: Target, model: onnx.ModelProto, inputs: Arrays) -> NDArray[np.bool_]:
    """Which windows take the long path, (window,), asked of the graph's own decision (`branches.router`)."""
    decides = target.session(router(model).SerializeToString())
    starts = range(0, batch_of(inputs, decides.inputs), BATCH)
    slack = [decides(rows(inputs, slice(i, i + BATCH))) for i in starts]
    return np.concatenate(slack)[:, 0] < 0


def _median(call: Rotation, runs: int, seconds: float) -> float:
    return float(np.median(timed(call, affordable(call, runs, seconds))))
