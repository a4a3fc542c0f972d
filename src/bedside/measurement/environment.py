"""The machine that was measured on, as far as it tells."""

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CPU_INFO = Path("/proc/cpuinfo")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
UNKNOWN = "not available"
# The instruction sets that decide which kernels a runtime picks.
INSTRUCTION_SETS = frozenset(
    {
        *("avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx_vnni", "avx512_bf16"),
        *("amx_tile", "amx_int8", "amx_bf16"),
        *("asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2"),
    }
)


def environment() -> dict[str, Any]:
    """CPU, instruction sets, cores that this process may use, frequency governor, load and versions."""
    about = cpu_info(CPU_INFO.read_text(encoding="utf-8") if CPU_INFO.is_file() else "")
    return {
        **about,
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "cores_allowed": len(allowed_cores()) or os.cpu_count(),
        "governor": GOVERNOR.read_text(encoding="utf-8").strip() if GOVERNOR.is_file() else UNKNOWN,
        "load_before": list(os.getloadavg()),
    }


def cpu_info(text: str) -> dict[str, Any]:
    """Model and instruction sets from the text of /proc/cpuinfo (x86 and Arm spell them differently)."""
    pairs = (line.partition(":")[::2] for line in text.splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, value in pairs}
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    return {"cpu": facts.get("model name", UNKNOWN), "instruction_sets": sorted(flags & INSTRUCTION_SETS)}


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
