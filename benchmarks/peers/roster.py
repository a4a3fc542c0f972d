"""The peers, each with its own Python, and how one is run: in a process of its own, for a limited time."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.handout import PLAN

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SHARED = ("handout.py", "torch_teacher.py")
# Usage statistics that some toolkits would send from a test bench.
QUIET = {"CI": "true", "OLIVE_DISABLE_TELEMETRY": "1"}


@dataclass(frozen=True)
class Peer:
    """A toolkit: `benchmarks/peers/<name>.py` (or `module`), run by the Python that has it."""

    name: str
    module: str = ""
    own_python: bool = True

    @property
    def requirements(self) -> Path:
        return HERE / f"requirements-{self.name}.txt"

    def python(self, work: Path) -> Path:
        """Its interpreter; this one's for a toolkit that the project needs anyway."""
        return work / self.name / "bin" / "python" if self.own_python else Path(sys.executable)

    def install(self, work: Path) -> None:
        """Make its environment, unless it is there."""
        if self.python(work).exists():
            return
        print(f"{self.name}: installing {self.requirements.name} (once) ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(work / self.name)], check=True)
        pip = [str(self.python(work)), "-m", "pip", "install", "--quiet", "--progress-bar", "off"]
        subprocess.run([*pip, "-r", str(self.requirements)], check=True)

    def made(self, handout: Path, work: Path) -> Path:
        """Where it writes; another place when the handout, its script or its versions change."""
        files = [HERE / f"{self.name}.py", *(HERE / name for name in SHARED), self.requirements]
        texts = [file.read_bytes() for file in files if file.is_file()]
        key = hashlib.sha256(b"\0".join([handout.name.encode(), *texts])).hexdigest()[:12]
        return work / "made" / f"{self.name}-{key}"

    def run(self, handout: Path, work: Path, seconds: float) -> list[dict[str, Any]]:
        """Its attempts: `tool`, `name`, `settings`, `path` of the ONNX file or None, `error`, `seconds`."""
        folder, python = self.made(handout, work).resolve(), self.python(work)
        folder.mkdir(parents=True, exist_ok=True)
        if _is_done(folder):
            return self._rows(folder, "")
        if not python.exists():
            return self._rows(folder, f"no environment at {python}: run with --install")
        command = [str(python), "-m", self.module or f"benchmarks.peers.{self.name}"]
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        environment = os.environ | QUIET | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        with (folder / "log.txt").open("ab") as log, tempfile.TemporaryDirectory() as compiled:
            try:
                done = subprocess.run(
                    [*command, str(handout.resolve()), str(folder)],
                    # For what torch compiles: in its cache a killed process may have left a lock for ever.
                    env=environment | {"TORCH_EXTENSIONS_DIR": compiled},
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                    timeout=seconds,
                    check=False,
                )
                trouble = f"the process ended with {done.returncode}: {_last_line(folder / 'log.txt')}"
            except subprocess.TimeoutExpired:
                trouble = f"not done after {seconds:.0f} s"
        return self._rows(folder, trouble)

    def _rows(self, folder: Path, trouble: str) -> list[dict[str, Any]]:
        plan = folder / PLAN
        if not plan.is_file():
            nothing = {"tool": self.name, "name": "-", "settings": "-", "path": None, "seconds": None}
            return [{"peer": self.name, **nothing, "error": trouble}]
        return [
            {"peer": self.name, **_record(folder, entry, trouble)}
            for entry in json.loads(plan.read_text(encoding="utf-8"))
        ]


def _record(folder: Path, entry: dict[str, Any], trouble: str) -> dict[str, Any]:
    record = folder / f"{entry.pop('slug')}.json"
    if not record.is_file():
        return {**entry, "path": None, "error": trouble, "seconds": None}
    found = json.loads(record.read_text(encoding="utf-8"))
    file = found.pop("file")
    return {**entry, **found, "path": folder / file if file else None}


def _is_done(folder: Path) -> bool:
    plan = folder / PLAN
    return plan.is_file() and all(
        (folder / f"{a['slug']}.json").is_file() for a in json.loads(plan.read_text(encoding="utf-8"))
    )


def _last_line(file: Path) -> str:
    lines = [line.strip() for line in file.read_text(errors="replace", encoding="utf-8").splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


PEERS = {
    peer.name: peer
    for peer in (
        Peer("onnxruntime", own_python=False),
        Peer("olive"),
        Peer("nncf"),
        Peer("neural_compressor"),
        Peer("neural_compressor_torch"),
        Peer("torch_pruning"),
        Peer("torchao"),
        Peer("optimum"),
    )
}
