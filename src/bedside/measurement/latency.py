"""Latency in windows of many runs; against a reference A B A B, because a machine's speed drifts within seconds."""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Call = Callable[[], Any]
Milliseconds = NDArray[np.float64]
PERCENTILES = {"p50_ms": 50.0, "p90_ms": 90.0, "p99_ms": 99.0, "p99_9_ms": 99.9}
LEAST_RUNS = 20


def timed(call: Call, runs: int) -> Milliseconds:
    """Milliseconds of each of `runs` calls, (run,)."""
    clock = time.perf_counter_ns
    stamps = np.empty((runs, 2), np.int64)
    with _without_garbage_collection():
        for run in range(runs):
            started = clock()
            call()
            stamps[run] = started, clock()
    result: Milliseconds = (stamps[:, 1] - stamps[:, 0]) / 1e6
    return result


def affordable(call: Call, runs: int, seconds: float) -> int:
    """How many runs fit into `seconds`, at most `runs` and at least 20; the probing runs warm up as well."""
    typical = float(np.median(timed(call, 5))) / 1e3
    return int(np.clip(seconds / max(typical, 1e-9), min(LEAST_RUNS, runs), runs))


def interleaved(
    candidate: Call, reference: Call, *, windows: int, runs: int, warmup: int, seconds: float
) -> tuple[list[Milliseconds], list[Milliseconds]]:
    """`windows` pairs of windows, candidate then reference; a window has `runs` runs or what fits into `seconds`."""
    counts = [affordable(call, runs, seconds) for call in (candidate, reference)]
    result: tuple[list[Milliseconds], list[Milliseconds]] = ([], [])
    for _ in range(windows):
        for call, count, taken in zip((candidate, reference), counts, result, strict=True):
            timed(call, min(warmup, count))
            taken.append(timed(call, count))
    return result


def percentiles(windows: list[Milliseconds]) -> dict[str, float]:
    """Each percentile: its median over the windows. p99.9 needs more runs than one window has: over all of them."""
    figures = {name: float(np.median([np.percentile(w, q) for w in windows])) for name, q in PERCENTILES.items()}
    return {**figures, "p99_9_ms": float(np.percentile(np.concatenate(windows), PERCENTILES["p99_9_ms"]))}


def ratios(candidate: list[Milliseconds], reference: list[Milliseconds]) -> dict[str, dict[str, float]]:
    """How many times faster than the reference, pair by pair: median and range, for p50 and p99.

    Worked: reference windows of 10 and 30 ms, candidate windows of 1 and 2 ms: ratios 10 and 15, median 12.5.
    """
    result = {}
    for name in ("p50", "p99"):
        percentile = PERCENTILES[f"{name}_ms"]
        pairs = zip(candidate, reference, strict=True)
        each = [float(np.percentile(r, percentile) / np.percentile(c, percentile)) for c, r in pairs]
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
