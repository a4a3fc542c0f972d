"""Latency in windows of many runs; against a reference A B A B, because a machine's speed drifts within seconds."""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.edge.runner import Arrays, Runner, batch_of

Milliseconds = NDArray[np.float64]
PERCENTILES = {"p50_ms": 50.0, "p90_ms": 90.0, "p99_ms": 99.0, "p99_9_ms": 99.9}
COMPARED: dict[str, Callable[[Milliseconds], Any]] = {
    "p50": np.median,
    "p99": lambda spent: np.percentile(spent, 99.0),
    "mean": np.mean,
}
LEAST_RUNS = 20
SAMPLE = 4096  # windows


class Rotation:
    """A call that finds other windows in its inputs every time: what a graph does may depend on them.

    `batch` windows per call, from a sample drawn once, the same for every graph. Laying them out is not timed.
    """

    def __init__(self, runner: Runner, inputs: Arrays, batch: int = 1) -> None:
        drawn = np.random.default_rng(0).permutation(batch_of(inputs, runner.inputs))[:SAMPLE]
        rows = np.resize(drawn, max(len(drawn), batch))
        buffers = {name: np.empty((batch, *array.shape[1:]), np.float32) for name, array in inputs.items()}
        self.sample = [(array[rows], buffers[name]) for name, array in inputs.items()]
        self.batch, self.windows, self.place = batch, len(rows), 0
        self.turn()
        self.call = runner.bound(buffers)

    def turn(self) -> None:
        """Lay out the next windows, from the start again when too few are left."""
        for windows, buffer in self.sample:
            np.copyto(buffer, windows[self.place : self.place + self.batch])
        self.place += self.batch
        if self.place + self.batch > self.windows:
            self.place = 0


Call = Callable[[], Any] | Rotation


def timed(call: Call, runs: int) -> Milliseconds:
    """Milliseconds of each of `runs` calls, (run,); between two of them a rotation turns."""
    call, turn = (call.call, call.turn) if isinstance(call, Rotation) else (call, lambda: None)
    clock = time.perf_counter_ns
    stamps = np.empty((runs, 2), np.int64)
    with _without_garbage_collection():
        for run in range(runs):
            turn()
            started = clock()
            call()
            stamps[run] = started, clock()
    result: Milliseconds = (stamps[:, 1] - stamps[:, 0]) / 1e6
    return result


def affordable(call: Call, runs: int, seconds: float) -> int:
    """How many runs fit into `seconds`, at most `runs` and at least 20; the probing runs warm up as well."""
    typical = float(np.median(timed(call, 5))) / 1e3
    return int(np.clip(seconds / max(typical, 1e-9), min(LEAST_RUNS, runs), runs))


def interleaved(*calls: Call, windows: int, runs: int, warmup: int, seconds: float) -> list[list[Milliseconds]]:
    """`windows` rounds of one window of each call, in turns; a window has `runs` runs or what fits into `seconds`."""
    counts = [affordable(call, runs, seconds) for call in calls]
    result: list[list[Milliseconds]] = [[] for _ in calls]
    for _ in range(windows):
        for call, count, taken in zip(calls, counts, result, strict=True):
            timed(call, min(warmup, count))
            taken.append(timed(call, count))
    return result


def percentiles(windows: list[Milliseconds]) -> dict[str, float]:
    """Mean and percentiles: of each the median over the windows. p99.9 needs more runs than one has: over all of them.

    Where the work depends on the window, the mean is what a day costs, and p99 is the long path if one in 100 takes it.
    """
    figures = {name: float(np.median([np.percentile(w, q) for w in windows])) for name, q in PERCENTILES.items()}
    mean = float(np.median([w.mean() for w in windows]))
    return {
        **figures,
        "mean_ms": mean,
        "p99_9_ms": float(np.percentile(np.concatenate(windows), PERCENTILES["p99_9_ms"])),
    }


def ratios(candidate: list[Milliseconds], reference: list[Milliseconds]) -> dict[str, dict[str, float]]:
    """How many times faster than the reference, pair by pair: median and range, for p50, p99 and the mean.

    Worked: reference windows of 10 and 30 ms, candidate windows of 1 and 2 ms: ratios 10 and 15, median 12.5.
    """
    result = {}
    for name, figure in COMPARED.items():
        each = [float(figure(r) / figure(c)) for c, r in zip(candidate, reference, strict=True)]
        result[name] = {"median": float(np.median(each)), "lowest": min(each), "highest": max(each)}
    return result


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
