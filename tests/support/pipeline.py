"""Whole pipelines on the tiny cohort: laid out once, run by any launcher, compared by content."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from bedside.artifacts import MANIFEST, Artifact, open_artifact
from bedside.running.torn import forget_torn_lock
from pipelines import workspace

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests/support/tiny.yaml"
# Stages whose contents follow from inputs, code and parameters alone; the others measure time or keep a log.
REPRODUCIBLE = {"ingest", "prepare", "train_teacher", "distill", "prune", "quantize", "export", "optimize"}


def lay_out(folder: Path, profile: Path = TINY) -> Path:
    """A new workspace of this project's sources as they are now."""
    workspace.lay_out(folder, profile)
    return folder


def lay_out_again(like: Path, folder: Path) -> Path:
    """A new workspace of the very sources that `like` has run on (the project's may have been edited since)."""
    folder.mkdir()
    for name in (*workspace.COPIED, "params.yaml", ".dvc/config"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (like / name).is_dir():
            shutil.copytree(like / name, folder / name)
        else:
            shutil.copyfile(like / name, folder / name)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """The workspace's own; nothing is replayed in the background, and torch keeps to its threads."""
    return workspace.environment_of(folder) | {"BEDSIDE_FLUSH": "off"}


def start(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """`dvc repro` in a process group of its own, as a terminal would start it."""
    forget_torn_lock(folder)  # as `bedside repro` does before it asks DVC
    with log.open("ab") as output:
        return subprocess.Popen(
            ["dvc", "repro"],
            cwd=folder,
            env=environment(folder),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def reproduce(folder: Path) -> str:
    """Run to the end and return what it printed."""
    log = folder / "repro.log"
    log.write_bytes(b"")
    status = start(folder, log).wait()
    assert status == 0, log.read_text()[-4000:]
    return log.read_text()


def kill_while_running(folder: Path, chance: random.Random, longest: float) -> bool:
    """Start, SIGKILL the whole group at a random instant; False if it was done before that."""
    process = start(folder, folder / "killed.log")
    try:
        process.wait(timeout=chance.uniform(0.5, longest))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.1)  # the group's last members
        return True
    assert process.returncode == 0, (folder / "killed.log").read_text()[-4000:]
    return False


def run_on_kubeflow(folder: Path) -> str:
    """The compiled pipeline, each task in a process, with the workspace's parameters; artifacts below `kfp/`."""
    return _launched(folder, "kfp", "local_kubeflow.run(pipeline, root)")


def run_in_containers(folder: Path) -> str:
    """The same, each task in the image that the pipeline names for it; artifacts below `containers/`."""
    state = (
        "{'BEDSIDE_HOME': f'{root}/home', 'BEDSIDE_FLUSH': 'off', 'MLFLOW_TRACKING_URI': f'sqlite:///{root}/runs.db'}"
    )
    return _launched(folder, "containers", f"local_kubeflow.run_in_containers(pipeline, root, {state})")


def _launched(folder: Path, root: str, call: str) -> str:
    script = (
        "import yaml; from pathlib import Path; from pipelines.compress import build; "
        "from tests.support import local_kubeflow; "
        f"root = Path('{root}').resolve(); pipeline = build(yaml.safe_load(Path('params.yaml').read_text())); {call}"
    )
    own = environment(folder)
    own |= {"PYTHONPATH": f"{own['PYTHONPATH']}{os.pathsep}{ROOT}", "BEDSIDE_HOME": str(folder / f"{root}-home")}
    own |= {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / f'{root}.db'}"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], cwd=folder, env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout


def artifacts(folder: Path) -> list[Artifact]:
    """Every visible artifact below `folder`, verified."""
    manifests = [path for path in sorted(folder.rglob(MANIFEST)) if not path.parent.name.startswith(".")]
    return [open_artifact(path.parent) for path in manifests]


def digests(folder: Path) -> dict[str, str]:
    """Content digest of every artifact that must be the same in every run, by its path below `folder`."""
    return {
        str(artifact.path.relative_to(folder)): artifact.digest
        for artifact in artifacts(folder)
        if artifact.manifest["component"] in REPRODUCIBLE
    }


def answers(folder: Path) -> dict[str, str]:
    """Digest of every deployment's predictions on the test patients."""
    return {
        str(artifact.path.relative_to(folder)): artifact.manifest["files"]["predictions.safetensors"]
        for artifact in artifacts(folder)
        if artifact.manifest["component"] == "evaluate"
    }
