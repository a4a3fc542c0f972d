"""CPUs of other kinds than this machine's, emulated: what they answer is true, how long they take is not.

`qemu-x86_64` and `qemu-aarch64` (Debian's qemu-user) run one program as another CPU would. The least version is one
that was looked at: 7.2 gets AVX2 instructions of OpenVINO's LSTM wrong (logits .07 off in float32, where AVX2 kernels
on a real CPU are right: ONEDNN_MAX_CPU_ISA=AVX2).
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import bedside
from bedside.edge.runner import Arrays, RunSettings
from bedside.errors import RefusedError

Floats = NDArray[np.float32]
LEAST_QEMU = 10
SOURCES = Path(bedside.__file__).parent.parent
INSTALL = "install Debian's qemu-user, on bookworm from its backports"


@dataclass(frozen=True)
class Cpu:
    """A way to run this Python as on a CPU of some kind; `command` comes before the arguments of `python`."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, folder: Path | None = None) -> str:
        """What `python arguments` prints there; RefusedError with its last words where it fails."""
        path = os.pathsep.join([str(SOURCES), *filter(None, [self.environment.get("PYTHONPATH")])])
        environment = os.environ | self.environment | {"PYTHONPATH": path}
        call = [*self.command, *arguments]
        done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            raise RefusedError(f"{self.name}: {' '.join(call[:6])} ... failed: {done.stderr.strip()[-600:]}")
        return done.stdout.strip()

    @functools.cached_property
    def kind(self) -> str:
        """The kind of CPU that a program sees there (`bedside.measurement.cpu`)."""
        file = SOURCES / "bedside/measurement/cpu.py"  # by itself: its package wants more than numpy
        return self.run("-c", f"import runpy; print(runpy.run_path({str(file)!r})['this_cpu']().kind)")

    def answers(self, model: bytes, run: RunSettings, inputs: Arrays, batch: int = 16) -> Floats:
        """Logits (window, class) of the file, run as its settings say."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "model.onnx").write_bytes(model)
            (folder / "run.json").write_text(json.dumps(run.as_json()), encoding="utf-8")
            np.savez(folder / "windows.npz", allow_pickle=False, **inputs)
            files = ["--run", "run.json", "--windows", "windows.npz", "--out", "logits.npy", "--batch", str(batch)]
            self.run("-m", "bedside.edge.answer", "model.onnx", *files, folder=folder)
            logits: Floats = np.load(folder / "logits.npy")
            return logits


def native() -> Cpu:
    """This machine's own."""
    return Cpu("this machine", (sys.executable,))


def without_vnni(model: str = "Haswell") -> Cpu:
    """An x86 CPU with AVX2 and no VNNI; `Nehalem` has neither AVX nor AVX2."""
    return Cpu(f"emulated {model}", (emulator("qemu-x86_64"), "-cpu", model, sys.executable))


def arm64(root: Path) -> Cpu:
    """An Arm CPU, with the Python and the runtimes that `benchmarks/arm64-root` put into `root`."""
    python = root / "system/usr/bin/python3.11"
    if not python.is_file():
        raise RefusedError(f"{python}: no such file; run benchmarks/arm64-root {root} first")
    command = (emulator("qemu-aarch64"), "-L", str(root / "system"), str(python))
    return Cpu("emulated arm64", command, {"PYTHONPATH": str(root / "site")})


def emulator(program: str) -> str:
    """The path of an emulator that is new enough to be believed; RefusedError where there is none."""
    found = shutil.which(program) or shutil.which(f"{program}-static")
    if found is None:
        raise RefusedError(f"{program} is not installed; {INSTALL}")
    told = subprocess.run([found, "--version"], capture_output=True, encoding="utf-8", check=True).stdout
    version = re.search(r"version (\d+)", told)
    if version is None or int(version[1]) < LEAST_QEMU:
        raise RefusedError(f"{found} is too old ({told.splitlines()[0]}): {LEAST_QEMU} is the least; {INSTALL}")
    return found
