"""A workspace: a copy of this project with other parameters, where a pipeline runs without touching the real run.

python -m pipelines.workspace build/demo --profile profiles/simulated.yaml [--run] [--server http://mlflow:5000]

Only what changed is copied, so that a second run is as incremental as `dvc repro` in the project itself.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bedside.params import ParamsError, read_yaml
from bedside.terminal import in_utf8

ROOT = Path(__file__).resolve().parent.parent
COPIED = (".dvcignore", "components", "docker/kubernetes/cluster.yaml", "dvc.yaml", "pipelines", "src")
DVC_CONFIG = "[core]\n    analytics = false\n    no_scm = true\n"


def main() -> None:
    in_utf8()
    parser = argparse.ArgumentParser(prog="python -m pipelines.workspace", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile", type=Path, help="parameters that replace those of params.yaml")
    parser.add_argument("--run", action="store_true", help="run the pipeline there and print the verdicts")
    parser.add_argument("--server", help="an MLflow server that takes the runs, instead of a store in the workspace")
    parser.add_argument("--pull", action="store_true", help="take what other workspaces finished from the DVC remote")
    given = parser.parse_args()
    try:
        lay_out(given.folder, given.profile)
    except (ParamsError, OSError) as error:
        sys.exit(f"workspace: {error}")
    if given.run:
        sys.exit(run(given.folder, given.server, pull=given.pull))


def lay_out(folder: Path, profile: Path | None = None) -> None:
    """Make or refresh the workspace: the pipeline's sources, its own DVC project, the merged parameters."""
    wanted = _sources()
    for name in wanted:
        _copy(ROOT / name, folder / name)
    for stale in _python_files(folder) - wanted:
        (folder / stale).unlink()
    overlay = read_yaml(profile) if profile else {}
    if not isinstance(overlay, dict | None):
        raise ParamsError(f"{profile}: a mapping of sections is needed here, not a {type(overlay).__name__}")
    params = merged(read_yaml(ROOT / "params.yaml"), overlay or {})
    _write(folder / "params.yaml", yaml.safe_dump(params, sort_keys=False))
    _write(folder / ".dvc/config", DVC_CONFIG)


def run(folder: Path, server: str | None = None, *, pull: bool = False) -> int:
    """`make repro` there, with all run state inside the workspace; returns the exit status.

    A variant that fails does not stop those that do not depend on it; the run then ends with what is missing.
    """

    def call(*command: str) -> int:
        return subprocess.run(command, cwd=folder, env=environment_of(folder, server), check=False).returncode

    bedside = (sys.executable, "-m", "bedside.cli")
    if status := call(*bedside, "check"):
        return status
    if status := call("dvc", "repro", "--keep-going", *(["--pull"] if pull else [])):
        call(*bedside, "unfinished")
        return status
    return call(*bedside, "verdicts")


def environment_of(folder: Path, server: str | None = None) -> dict[str, str]:
    """This python and its tools, the workspace's own sources and journals, and its MLflow store or `server`."""
    here = folder.resolve()
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{here / 'src'}{os.pathsep}{here}",
        "BEDSIDE_HOME": str(here / ".bedside"),
        "MLFLOW_TRACKING_URI": server or f"sqlite:///{here / 'mlflow.db'}",
        "GX_ANALYTICS_ENABLED": "false",
    }


def merged(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the overlay's values: mappings merge key by key, one of another `kind` replaces the old one.

    A value of null takes its key away: `variants: {sparse: null}`.
    """
    result = dict(base)
    for key, value in overlay.items():
        old = result.get(key)
        if value is None:
            result.pop(key, None)
            continue
        same_kind = (
            isinstance(old, dict) and isinstance(value, dict) and value.get("kind", old.get("kind")) == old.get("kind")
        )
        result[key] = merged(old, value) if same_kind and isinstance(old, dict) else value
    return result


def _sources() -> set[str]:
    """The files of this project that a pipeline runs on, as git sees them: tracked, or new and not ignored."""
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "-z",
            "-co",
            "--exclude-standard",
            "--",
            *COPIED,
        ],  # without -z names are written in escapes
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return {name for name in map(os.fsdecode, listed.stdout.split(b"\0")) if (ROOT / name).is_file()}


def _python_files(folder: Path) -> set[str]:
    found = [path for top in COPIED if (folder / top).is_dir() for path in (folder / top).rglob("*.py")]
    return {str(path.relative_to(folder)) for path in found}


def _copy(source: Path, target: Path) -> None:
    if not target.is_file() or not filecmp.cmp(source, target, shallow=False):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _write(target: Path, text: str) -> None:
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
