"""A CPU's kind is what its processor can execute; /proc/cpuinfo is what the host says, even to an emulated program."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bedside
from bedside.errors import RefusedError
from bedside.measurement.cpu import KINDS, Cpu, executable, numpys, require_kind, this_cpu, told

SKYLAKE = "avx avx2 fma f16c avx512f avx512bw avx512dq avx512vl avx512cd"
CASCADE_LAKE, SAPPHIRE_RAPIDS = f"{SKYLAKE} avx512_vnni", f"{SKYLAKE} avx512_vnni avx_vnni amx_tile amx_int8"
QEMU = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")


def x86(flags: str, can: str | None = None) -> Cpu:
    """A CPU whose host tells `flags` and which executes `can` of them (all) as far as numpy knows."""
    knows = {"avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"}
    answers = {name: name in (flags if can is None else can).split() for name in knows}
    return told(f"processor : 0\nmodel name\t: A Chip\nflags\t\t: fpu {flags} smep\n", "x86-64", answers)


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ("avx", "x86-64 avx"),
        ("", "x86-64 baseline"),
        ("avx avx2 fma f16c", "x86-64 avx2"),
        ("avx avx2 fma f16c avx_vnni", "x86-64 avx_vnni"),
        (SKYLAKE, "x86-64 avx512"),
        (CASCADE_LAKE, "x86-64 avx512_vnni"),
        (f"{CASCADE_LAKE} avx512_bf16", "x86-64 avx512_vnni"),  # float stays float32: bf16 decides no kernel here
        (SAPPHIRE_RAPIDS, "x86-64 amx_int8"),
    ],
)
def test_the_strongest_sets_that_are_all_there_name_the_kind(flags: str, kind: str) -> None:
    assert x86(flags).kind == kind
    assert not x86(flags).emulated


@pytest.mark.parametrize(
    ("features", "kind"),
    [
        ("fp asimd", "aarch64 asimd"),
        ("fp asimd asimdhp asimddp", "aarch64 asimddp"),
        ("fp asimd asimddp i8mm bf16", "aarch64 i8mm"),
        ("fp asimd asimddp sve i8mm", "aarch64 sve_i8mm"),
    ],
)
def test_arm_spells_it_differently(features: str, kind: str) -> None:
    names = {"asimd", "asimdhp", "asimddp", "sve"}
    cpu = told(f"Features\t: {features}\n", "aarch64", {name: name in features.split() for name in names})
    assert (cpu.kind, cpu.emulated) == (kind, False)


def test_the_models_name_and_microcode_do_not_matter() -> None:
    texts = [f"model name : {name}\nmicrocode : {code}\nflags : {CASCADE_LAKE}\n" for name, code in ("a1", "b2")]
    assert len({told(text, "x86-64", {}).kind for text in texts}) == 1


def test_where_processor_and_host_disagree_the_cpu_is_emulated_and_only_what_it_executes_counts() -> None:
    cpu = x86(SAPPHIRE_RAPIDS, can="avx avx2 fma f16c")
    assert cpu == Cpu("emulated on A Chip", "x86-64", ("avx", "avx2", "f16c", "fma"), emulated=True)
    assert cpu.kind == "x86-64 avx2"
    more = x86("avx", can=CASCADE_LAKE)  # an emulator that executes what its host cannot
    assert (more.kind, more.emulated) == ("x86-64 avx512_vnni", True)


def test_an_arm_program_on_an_x86_host_is_emulated() -> None:
    text = f"model name : A Chip\nflags : {CASCADE_LAKE}\n"
    cpu = told(text, "aarch64", {"avx2": False, "avx512_vnni": False, "asimd": True, "asimddp": True})
    assert (cpu.kind, cpu.emulated) == ("aarch64 asimddp", True)


def test_a_system_without_cpuinfo_has_nothing_to_disagree_with() -> None:
    assert told("", "aarch64", {"asimd": True, "asimddp": True, "sve": False}).kind == "aarch64 asimddp"
    assert not told("", "aarch64", {"asimd": True}).emulated


def test_numpy_still_answers_for_the_sets_that_name_a_kind() -> None:
    known = executable(numpys()).keys()
    assert {"avx", "avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"} <= known
    assert {"asimd", "asimddp", "sve"} <= known
    assert this_cpu().kind.split()[1] in {"baseline", *(name for kinds in KINDS.values() for name in kinds)}


def test_a_target_that_names_another_kind_is_refused_with_both_and_its_own_is_taken() -> None:
    here = this_cpu().kind
    require_kind(None, "monitor")
    require_kind(here, "monitor")
    with pytest.raises(RefusedError, match=rf"monitor asks for times on mips msa .*this CPU is {here}"):
        require_kind("mips msa", "monitor")


@pytest.mark.skipif(QEMU is None or sys.platform != "linux", reason="needs qemu's user-mode emulator of x86-64")
def test_a_program_that_an_emulator_runs_knows_it_and_says_so_in_its_evidence() -> None:
    """Haswell has no AVX-512, whatever the host's /proc/cpuinfo says."""
    if not {"avx512f", "avx_vnni"} & set(this_cpu().instruction_sets):
        pytest.skip("this host has nothing that the emulated CPU lacks")
    code = "import json; from bedside.measurement.environment import environment; print(json.dumps(environment()))"
    paths = os.pathsep.join([str(Path(bedside.__file__).parents[1]), *filter(None, sys.path)])
    done = subprocess.run(
        [str(QEMU), "-cpu", "Haswell", os.path.realpath(sys.executable), "-c", code],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert (found["emulated"], found["cpu_kind"]) == (True, "x86-64 avx2")
    assert found["cpu"].startswith("emulated on ")
