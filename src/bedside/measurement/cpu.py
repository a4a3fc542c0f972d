"""The kind of a CPU: its architecture and the instruction sets by which runtimes choose their kernels.

Times on one kind say little about another (an int8 graph that is fast with VNNI may be slow without), whatever the
model's name or microcode. /proc/cpuinfo describes the host, even to a program that an emulator runs; what a program can
execute is asked of the processor itself, which numpy does when it is imported. Where the two disagree, the CPU is
emulated.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bedside.errors import RefusedError

CPU_INFO = Path("/proc/cpuinfo")
UNKNOWN = "not available"
MACHINES = {"x86_64": "x86-64", "AMD64": "x86-64", "arm64": "aarch64"}
AVX512 = ("avx512f", "avx512bw", "avx512dq", "avx512vl")
# Per architecture, the strongest first: the first whose sets are all there names the kind.
KINDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "x86-64": {
        "amx_int8": (*AVX512, "avx512_vnni", "amx_tile", "amx_int8"),
        "avx512_vnni": (*AVX512, "avx512_vnni"),
        "avx512": AVX512,
        "avx_vnni": ("avx2", "fma", "avx_vnni"),
        "avx2": ("avx2", "fma"),
        "avx": ("avx",),
    },
    "aarch64": {
        "sve_i8mm": ("asimddp", "sve", "i8mm"),
        "sve": ("asimd", "sve"),
        "i8mm": ("asimddp", "i8mm"),
        "asimddp": ("asimddp",),
        "asimd": ("asimd",),
    },
}
OTHERS = ("f16c", "avx512_bf16", "amx_bf16", "asimdhp", "bf16", "sve2")  # told, and part of no kind
INSTRUCTION_SETS = frozenset(OTHERS) | {name for kinds in KINDS.values() for sets in kinds.values() for name in sets}
NUMPY = {"fma": "FMA3", "avx512_vnni": "AVX512VNNI", "avx512_bf16": "AVX512BF16"}  # others: the same in capitals


@dataclass(frozen=True)
class Cpu:
    """A processor as a measurement sees it; `instruction_sets` are those that this process can execute."""

    model: str
    machine: str
    instruction_sets: tuple[str, ...]
    emulated: bool

    @property
    def kind(self) -> str:
        """For example `x86-64 avx512_vnni`."""
        kinds, there = KINDS.get(self.machine, {}), set(self.instruction_sets)
        return f"{self.machine} {next((name for name, sets in kinds.items() if there.issuperset(sets)), 'baseline')}"


def this_cpu() -> Cpu:
    """The processor that this process runs on."""
    machine = platform.machine()
    return told(
        CPU_INFO.read_text(encoding="utf-8") if CPU_INFO.is_file() else "",
        MACHINES.get(machine, machine),
        executable(numpys()),
    )


def told(cpu_info: str, machine: str, can_execute: Mapping[str, bool]) -> Cpu:
    """From the text of /proc/cpuinfo (x86 and Arm spell it differently) and what the processor itself answers.

    Where they disagree only what can be executed counts. A system without /proc/cpuinfo has nothing to disagree with.
    """
    pairs = (line.partition(":")[::2] for line in cpu_info.splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, value in pairs}
    written = set(facts.get("flags", facts.get("Features", "")).split()) & INSTRUCTION_SETS
    confirmed = {name for name, can in can_execute.items() if can}
    emulated = bool(written) and written & can_execute.keys() != confirmed
    sets = confirmed if emulated else written | confirmed
    model = facts.get("model name", UNKNOWN)
    return Cpu(f"emulated on {model}" if emulated else model, machine, tuple(sorted(sets)), emulated)


def executable(features: Mapping[str, bool]) -> dict[str, bool]:
    """Whether this process can execute each instruction set, as far as numpy's `features` know it."""
    named = {name: NUMPY.get(name, name.upper()) for name in INSTRUCTION_SETS}
    return {name: features[known] for name, known in named.items() if known in features}


def require_kind(wanted: str | None, target: str) -> None:
    """Refuse to measure for a target that names another kind of CPU than this one."""
    here = this_cpu().kind
    if wanted not in (None, here):
        raise RefusedError(
            f"{target} asks for times on {wanted} (targets.{target}.cpu), and this CPU is {here}: measure on such a "
            "CPU, or name this kind in params.yaml if devices have it"
        )


def numpys() -> Mapping[str, bool]:
    """Numpy's features, asked of the processor; no public function gives them as data, and its version is pinned."""
    from numpy._core._multiarray_umath import __cpu_features__  # type: ignore[import-not-found]  # in C, without stubs

    features: Mapping[str, bool] = __cpu_features__
    return features
