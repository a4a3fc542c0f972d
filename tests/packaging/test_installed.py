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
    done = run(tmp_path, "-m", "bedside.stages.ingest", "--recordings", "recordings", "--source", SOURCE)
    assert done.returncode == 0, done.stderr
    assert open_artifact(tmp_path / "recordings").manifest["component"] == "ingest"
