"""Load one model in a fresh process, answer once, and say what it took. Imports numpy and the runtime only.

python -m bedside.edge.run_once model.onnx --run run.json
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bedside.edge.runner import RunSettings, load

STATUS = Path("/proc/self/status")


def main(argv: list[str] | None = None) -> None:
    """Print one JSON object: milliseconds of each phase, memory in bytes, and the modules that were loaded."""
    parser = argparse.ArgumentParser(prog="python -m bedside.edge.run_once", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--run", type=Path, required=True, help="run.json: the runtime and how it must run the model")
    arguments = parser.parse_args(argv)
    print(json.dumps(run_once(**vars(arguments)), sort_keys=True))


def run_once(model: Path, run: Path) -> dict[str, Any]:
    """Phases in the order a device goes through them: import the runtime, load the model, first answer."""
    settings = RunSettings.read(run.read_text(encoding="utf-8"))
    started = time.perf_counter()
    __import__(settings.runtime)
    imported, memory = time.perf_counter(), peak_memory()
    runner = load(settings, model.read_bytes())
    logits = runner({name: np.zeros((1, *shape), np.float32) for name, shape in runner.inputs.items()})
    answered = time.perf_counter()
    return {
        "import_ms": (imported - started) * 1e3,
        "load_and_answer_ms": (answered - imported) * 1e3,
        "runtime_bytes": memory,
        "peak_bytes": peak_memory(),
        "logits": logits[0].tolist(),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    }


def peak_memory() -> int | None:
    """Peak resident bytes of this process; None where the kernel does not tell.

    Not getrusage: its figure survives exec, so it would be that of the process which started this one.
    """
    if not STATUS.is_file():
        return None
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


if __name__ == "__main__":
    main()
