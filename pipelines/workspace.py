"""A workspace: a copy of this project with other parameters, where a pipeline runs without touching the real run.

python -m pipelines.workspace build/demo --profile profiles/simulated.yaml [--run] [--server http://mlflow:5000]

Only what changed is copied, so that a second run is as incremental as `dvc repro` in the project itself.
"""

import argparse
import contextlib
import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from bedside import ending
from bedside.params import ParamsError, read_yaml
from bedside.terminal import in_utf8

ROOT = Path(__file__).resolve().parent.parent
COPIED = (".dvcignore", "components", "docker/kubernetes/cluster.yaml", "dvc.yaml", "pipelines", "src")
BYPRODUCTS = ("__pycache__", "*.pyc", "*.egg-info", ".*.staging", ".*.old")  # of installing and running, no sources
DVC_CONFIG = "[core]\n    analytics = false\n    no_scm = true\n"
# Mappings whose keys are names, not parameters: an entry that a profile sets to null is no entry any more.
NAMED = ("variants", "targets", "budgets", "gates.classes", "gates.G*.*", "train_teacher.operating_point")


def main() -> None:
    in_utf8()
    parser = argparse.ArgumentParser(prog="python -m pipelines.workspace", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile", type=Path, help="parameters that replace those of params.yaml")
    parser.add_argument("--run", action="store_true", help="run the pipeline there and print the verdicts")
    parser.add_argument("--server", help="an MLflow server that takes the runs, instead of a store in the workspace")
    parser.add_argument("--pull", action="store_true", help="take what other workspaces finished from the DVC remote")
    parser.add_argument("-v", "--verbose", action="store_true", help="show everything that DVC and the stages print")
    given = parser.parse_args()
    try:
        lay_out(given.folder, given.profile)
    except (ParamsError, OSError) as error:
        sys.exit(f"workspace: {error}")
    if given.run:
        sys.exit(run(given.folder, given.server, pull=given.pull, verbose=given.verbose))


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


def run(folder: Path, server: str | None = None, *, pull: bool = False, verbose: bool = False) -> int:
    """`bedside repro` there, with all run state inside the workspace; returns the exit status."""
    command = [sys.executable, "-m", "bedside.cli", "repro", *["--pull"] * pull, *["--verbose"] * verbose]
    with ending.passed_on():
        child = subprocess.Popen(command, cwd=folder, env=environment_of(folder, server))
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the child has it too, ends cleanly and says how to go on
                return child.wait()


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


def merged(base: Mapping[str, Any], overlay: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """`base` with the overlay's values: mappings merge key by key, one of another `kind` replaces the old one.

    null is a value like any other (`committee: null`), but an entry of `NAMED` cannot be null: there it takes the entry
    away (`variants: {sparse: null}`), so that DVC, the lineage and `bedside check` all see the same variants.
    """
    result = dict(base)
    for key, value in overlay.items():
        old, path = result.get(key), f"{at}.{key}".lstrip(".")
        if value is None and any(fnmatch(at, names) for names in NAMED):
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = merged(_alike(old, value), value, path)
        else:
            result[key] = value
    return result


def _alike(old: Any, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of the old value the new one is merged over: nothing of one of another kind."""
    return old if isinstance(old, dict) and value.get("kind", old.get("kind")) == old.get("kind") else {}


def _sources() -> set[str]:
    """The files of this project that a pipeline runs on; found without git, which a copy or a mount may not have."""
    tops = [ROOT / name for name in COPIED]
    found = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file()]
    return {str(name) for name in (path.relative_to(ROOT) for path in found) if not _is_byproduct(name)}


def _is_byproduct(name: Path) -> bool:
    return any(fnmatch(part, made) for part in name.parts for made in BYPRODUCTS)


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
