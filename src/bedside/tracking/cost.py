"""What a stage costs the machine: how long until its work began, how long it took, the most memory held."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def measured(metrics: dict[str, float], own_process: bool) -> Iterator[None]:
    """Fill `metrics` with `stage/work_seconds`, and for a process of the stage's own with start-up and peak memory.

    Start-up is the time from the start of the process, imports and verified inputs included.
    """
    if own_process:
        metrics["stage/startup_seconds"] = time.time() - psutil.Process().create_time()
    began = time.monotonic()
    yield
    metrics["stage/work_seconds"] = time.monotonic() - began
    if own_process:
        metrics["stage/peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
