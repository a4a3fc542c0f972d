"""The machine that was measured on, as far as it tells."""

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bedside.measurement.cpu import UNKNOWN, this_cpu

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def environment() -> dict[str, Any]:
    """CPU and its kind, cores that this process may use, frequency governor, load and versions."""
    cpu = this_cpu()
    return {
        "cpu": cpu.model,
        "cpu_kind": cpu.kind,
        "instruction_sets": list(cpu.instruction_sets),
        "emulated": cpu.emulated,
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "cores_allowed": len(allowed_cores()) or os.cpu_count(),
        "governor": GOVERNOR.read_text(encoding="utf-8").strip() if GOVERNOR.is_file() else UNKNOWN,
        "load_before": list(os.getloadavg()),
    }


def allowed_cores() -> list[int]:
    """The cores that this process may run on; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextlib.contextmanager
def pinned(threads: int) -> Iterator[list[int]]:
    """Keep the process on `threads` of its cores, so that the scheduler does not move it in mid-measurement."""
    allowed = allowed_cores()
    if len(allowed) <= threads:
        yield allowed
        return
    os.sched_setaffinity(0, allowed[:threads])
    try:
        yield allowed[:threads]
    finally:
        os.sched_setaffinity(0, allowed)
