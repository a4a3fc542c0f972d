"""A graph against what it would be without its trick, in turns on the same cores: what the trick brings in time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.edge.runner import Arrays, Runner, rows
from bedside.graph.branches import is_switched
from bedside.graph.plain import WORDS, Plain
from bedside.graph.reading import model_of
from bedside.measurement.adaptive import unsure
from bedside.measurement.latency import Milliseconds, Rotation, interleaved
from bedside.targets.base import Target

Part = tuple[float, Rotation]  # the share of windows that a path answers, and a call that runs it on those


def against_plain(
    target: Target, graph: bytes, runner: Runner, without: Plain, inputs: Arrays, **how: Any
) -> dict[str, Any]:
    """How many times as long the graph takes as `without`, round by round; `how` is that of `latency.interleaved`.

    Of a graph with two paths it is the expected time: each path's median, weighted by the windows that take it. Worked:
    .02 ms for 90% of the windows, 1.1 ms for the others, the second network alone 1 ms: .128 times as long.
    """
    parts = paths(target, graph, runner, inputs)
    alone = Rotation(target.session(without.graph), inputs)
    *mine, theirs = interleaved(*(call for _, call in parts), alone, **how)
    spent = sum(share * _medians(windows) for (share, _), windows in zip(parts, mine, strict=True))
    ratios = spent / _medians(theirs)
    return {
        "kind": without.kind,
        "what": WORDS[without.kind],
        "pairs": ratios.tolist(),
        "median": float(np.median(ratios)),
        "lowest": float(ratios.min()),
        "highest": float(ratios.max()),
        "graph_ms": float(np.median(spent)),
        "plain_ms": float(np.median(_medians(theirs))),
        "least_runs": min(sum(map(len, windows)) for windows in (*mine, theirs)),
    }


def paths(target: Target, graph: bytes, runner: Runner, inputs: Arrays) -> list[Part]:
    """The one path of most graphs, or both of a switched one; a path that no window takes is left out."""
    model = model_of(graph)
    if not is_switched(model):
        return [(1.0, Rotation(runner, inputs))]
    long = unsure(target, model, inputs)
    return [(float(taken.mean()), Rotation(runner, rows(inputs, taken))) for taken in (~long, long) if taken.any()]


def _medians(windows: list[Milliseconds]) -> NDArray[np.float64]:
    return np.array([np.median(window) for window in windows])
