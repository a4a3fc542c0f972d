"""Where a run comes from: the pipeline run it belongs to, the commit, the data version, the command line."""

import functools
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from bedside.redaction import clean

LONGEST = 6000  # characters of a parameter that MLflow's store takes


def start_event(key: str, component: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Everything known before a stage begins. `record` is what its outputs follow from (see `bedside.component`)."""
    me = psutil.Process()
    return {
        "event": "start",
        "key": key,
        "pid": me.pid,
        "started": me.create_time(),
        "pipeline": pipeline(),
        "name": _name(component, record),
        "params": {name: clean(value)[:LONGEST] for name, value in _flat(record["params"])},
        "tags": {**_tags(component, record), "command": clean(" ".join(sys.argv))[:LONGEST]},
    }


@functools.cache
def pipeline() -> str:
    """The pipeline run: named by the launcher, else the `dvc` that started this process, else this process."""
    named = os.environ.get("BEDSIDE_PIPELINE_RUN")
    if named:
        return named
    me = psutil.Process()
    launcher = next((parent for parent in me.parents() if _is_dvc(parent)), me)
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(launcher.create_time()))
    return f"{when} ({launcher.name() if launcher is not me else 'by hand'} {launcher.pid})"


def _is_dvc(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return any(Path(word).name == "dvc" for word in words[:3])


def _name(component: str, record: Mapping[str, Any]) -> str:
    deployment = record["params"].get("deployment") or {}
    return " ".join([component, *(str(deployment[k]) for k in ("variant", "target") if k in deployment)])


def _tags(component: str, record: Mapping[str, Any]) -> dict[str, str]:
    inputs = {name: [value] if isinstance(value, str) else value for name, value in record["inputs"].items()}
    tags = {f"input.{name}": " ".join(digests) for name, digests in inputs.items()}
    tags |= {"component": component, "code.digest": record["code"]}
    tags |= {name: str(value) for name, value in record["labels"].items()}
    tags |= {name: str(value) for name, value in (record["params"].get("deployment") or {}).items()}
    if "parent" in record["inputs"]:
        tags["lineage.parent"] = record["inputs"]["parent"]
    return tags | _commit() | _data_version(inputs)


def _commit() -> dict[str, str]:
    """The commit this runs from; a container, which has no repository, is told by BEDSIDE_GIT_COMMIT."""
    commit = os.environ.get("BEDSIDE_GIT_COMMIT") or _git("rev-parse", "HEAD")
    if not commit:
        return {}
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {"git.commit": commit, "mlflow.source.git.commit": commit, "git.changed": "yes" if changed else "no"}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, encoding="utf-8", errors="replace", timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _data_version(inputs: Mapping[str, list[str]]) -> dict[str, str]:
    """The digest of the data that a stage reads, and BEDSIDE_DATA_VERSION or what DVC has locked for the recordings."""
    data = [inputs[name][0] for name in ("test", "dataset", "recordings") if name in inputs]
    version = os.environ.get("BEDSIDE_DATA_VERSION") or _dvc_version(Path("dvc.lock"))
    return ({"data.digest": data[0]} if data else {}) | ({"data.version": version} if version else {})


def _dvc_version(lock: Path) -> str | None:
    try:
        stages = yaml.load(lock.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))[
            "stages"
        ]
        return str(stages["ingest"]["outs"][0]["md5"])
    except (OSError, KeyError, IndexError, TypeError, yaml.YAMLError):
        return None


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """`{"params": {"epochs": 3}}` as `params.epochs`; lists stay whole."""
    if isinstance(value, Mapping) and value:
        return [pair for key, item in value.items() for pair in _flat(item, f"{name}.{key}" if name else str(key))]
    return [(name, str(value))]
