"""Start-up and memory, each time in a fresh process that holds only numpy, the runtime and the model."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import bedside
from bedside.edge.runner import FILE, RunSettings
from bedside.errors import RefusedError

MODULE = "bedside.edge.run_once"
MEGABYTE = 1e6
LONGEST_SECONDS = 900  # a process that hangs, not one on a slow or emulated CPU


def fresh_process(model: bytes, run: RunSettings) -> dict[str, Any]:
    """What `bedside.edge.run_once` reports about these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path, settings = Path(folder) / "model.onnx", Path(folder) / FILE
        path.write_bytes(model)
        settings.write_text(json.dumps(run.as_json()), encoding="utf-8")
        command = [sys.executable, "-m", MODULE, str(path), "--run", str(settings)]
        home = {"PYTHONPATH": str(Path(bedside.__file__).parent.parent)}
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=LONGEST_SECONDS,
                env=os.environ | home,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RefusedError(
                f"{run.runtime} did not answer once within {LONGEST_SECONDS} s in a fresh process; try "
                f"it by hand: {' '.join(command[1:3])} model.onnx --run run.json"
            ) from None
    if done.returncode:
        raise RefusedError(f"{run.runtime} could not load and run the graph in a fresh process:\n{done.stderr.strip()}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def cold_starts(times: int, model: bytes, run: RunSettings) -> dict[str, Any]:
    """Medians over `times` fresh processes: start-up in ms, memory in MB (10^6 bytes; None where the kernel is silent).

    `load_and_answer_ms` is the cold start: from the model's bytes to the first answer, the runtime being imported.
    """
    reports = [fresh_process(model, run) for _ in range(times)]
    start = {name: statistics.median(r[name] for r in reports) for name in ("import_ms", "load_and_answer_ms")}
    peak, alone = (_megabytes([r[name] for r in reports]) for name in ("peak_bytes", "runtime_bytes"))
    model_alone = None if peak is None or alone is None else peak - alone
    return {
        "cold_start": {**start, "processes": times},
        "memory": {"peak_rss_mb": peak, "runtime_rss_mb": alone, "model_rss_mb": model_alone},
    }


def _megabytes(values: list[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) / MEGABYTE if known else None
