"""DVC versions the results: pushed to a remote, lost here, pulled again, verified."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bedside.artifacts import ArtifactError
from tests.support import pipeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def workspace(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the tiny run whose results were pushed to a remote."""
    folder = tmp_path / "workspace"
    shutil.copytree(tiny_run, folder, ignore=shutil.ignore_patterns("kfp", "kfp-home"))
    dvc(folder, "remote", "add", "--default", "store", str(tmp_path / "remote"))
    dvc(folder, "push")
    return folder


def dvc(folder: Path, *command: str) -> str:
    done = subprocess.run(
        ["dvc", *command], cwd=folder, env=pipeline.environment(folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_results_come_back_from_a_remote_as_they_were(workspace: Path, tiny_run: Path) -> None:
    shutil.rmtree(workspace / "artifacts")
    shutil.rmtree(workspace / ".dvc/cache")
    dvc(workspace, "pull")
    assert pipeline.digests(workspace / "artifacts") == pipeline.digests(tiny_run / "artifacts")
    assert "up to date" in dvc(workspace, "repro", "--dry")


def test_a_byte_flipped_in_the_cache_is_noticed_before_use(workspace: Path) -> None:
    """DVC checks it out without a word; the reader of the artifact does not."""
    weights = (workspace / "artifacts/models/teacher/model.safetensors").read_bytes()
    (cached,) = [
        path for path in (workspace / ".dvc/cache/files").rglob("*") if path.is_file() and path.read_bytes() == weights
    ]
    cached.chmod(0o644)
    cached.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    shutil.rmtree(workspace / "artifacts/models")
    dvc(workspace, "checkout")
    with pytest.raises(ArtifactError, match=r"model.safetensors: altered since it was written"):
        pipeline.artifacts(workspace / "artifacts/models")
