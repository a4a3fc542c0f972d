"""A team's own package through the whole pipeline: wheels, an environment of their own, nothing of bedside edited."""

import json
import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.artifacts import open_artifact

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/own-network"


def run(folder: Path, *command: object) -> str:
    """A command as a user gives it; nothing of the checkout is on its path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BEDSIDE", "MLFLOW"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=kept | {"PATH": f"{Path(str(command[0])).parent}{os.pathsep}{kept['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both wheels, installed beside the packages that they need (those of this environment, without its bedside)."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (ROOT, EXAMPLE):
        copied = shutil.copytree(
            source, folder / source.name, ignore=shutil.ignore_patterns(".*", "build", "artifacts")
        )
        shutil.copy(source / ".dvcignore", copied) if (source / ".dvcignore").exists() else None
        run(folder, sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, copied)
    run(folder, sys.executable, "-m", "venv", "--without-pip", folder / "env")
    (packages,) = (folder / "env/lib").glob("python*/site-packages")
    (packages / "theirs.pth").write_text("\n".join(site.getsitepackages()))
    python = folder / "env/bin/python"
    wheels = sorted(folder.glob("*.whl"))
    run(
        folder,
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--force-reinstall",
        *wheels,
    )
    return python


@pytest.mark.slow
def test_a_network_and_a_task_that_are_not_ours_come_to_a_verdict(environment: Path, tmp_path: Path) -> None:
    where = run(tmp_path, environment, "-c", "import bedside; print(bedside.__file__)").strip()
    assert Path(where).is_relative_to(environment.parents[1])
    folder = tmp_path / "project"
    run(tmp_path, environment, "-m", "bedside.cli", "init", folder)
    shutil.copy(EXAMPLE / "params.yaml", folder)
    run(folder, environment, "-m", "own_network.make")
    assert "all 3 variants can be made" in run(folder, environment, "-m", "bedside.cli", "check")
    told = run(folder, environment, "-m", "bedside.cli", "repro")
    assert "combined" in told
    verdicts = {
        name: open_artifact(folder / f"artifacts/verdicts/onnxruntime-cpu/{name}") for name in ("distilled", "combined")
    }
    for verdict in verdicts.values():
        found = verdict.json("verdict.json")
        assert found["verdict"] in {"PASS", "FAIL"}
        assert "apnoea" in found["claims"]
    network = json.loads((folder / "artifacts/models/combined/network.json").read_text())
    assert [edit["kind"] for edit in network["edits"]] == ["pruned", "quantized"]
    audit = open_artifact(folder / "artifacts/optimized/onnxruntime-cpu/combined").json("audit.json")
    assert sum(audit["integer_operators"].values()) > 0
    assert open_artifact(folder / "artifacts/decisions/onnxruntime-cpu").json("decision.json")
