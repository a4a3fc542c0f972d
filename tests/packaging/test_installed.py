"""What is installed works by itself: stages start where there is no folder of components."""

import json
import os
import subprocess
import sys
from pathlib import Path

from bedside.artifacts import open_artifact

SRC = Path(__file__).parents[2] / "src"
SOURCE = json.dumps({"kind": "simulated", "patients": 2, "seconds": 30.0})


def run(folder: Path, *argv: str) -> "subprocess.CompletedProcess[str]":
    """A Python that knows the library and nothing beside it, as where the wheel is installed."""
    environment = os.environ | {"PYTHONPATH": str(SRC), "BEDSIDE_HOME": str(folder / ".bedside")}
    command = [sys.executable, *argv]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_there_are_no_components_where_the_library_is_installed(tmp_path: Path) -> None:
    assert "No module named 'components'" in run(tmp_path, "-c", "import components").stderr


def test_a_stage_starts_from_the_library_alone(tmp_path: Path) -> None:
    for number, command in enumerate((["bedside.stages", "ingest"], ["bedside.stages.ingest"])):
        done = run(tmp_path, "-m", *command, "--recordings", f"recordings-{number}", "--source", SOURCE)
        assert done.returncode == 0, done.stderr
    first, second = (open_artifact(tmp_path / f"recordings-{number}") for number in range(2))
    assert first.manifest["component"] == "ingest"
    assert (first.digest, first.manifest["code"]) == (second.digest, second.manifest["code"])


def test_a_stage_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "bedside.stages", "promot")
    assert done.returncode == 1
    assert done.stderr.startswith("promot: no stage 'promot'; there are: ")
    assert {"ingest", "promote"} <= set(done.stderr.strip().partition("there are: ")[2].split(", "))
    assert done.stderr.count("\n") == 1
