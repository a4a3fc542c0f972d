"""Reads the two hand-written graphs: dvc.yaml by DVC and the components' own parsers, compress.py by its IR."""

import functools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bedside import catalog
from bedside.component import Component

ROOT = Path(__file__).parents[2]
Edge = tuple[str, str, str, str]  # producer, its output port, consumer, its input port


@dataclass(frozen=True)
class Stage:
    """One DVC stage with its command line parsed by the component that it starts."""

    name: str
    component: Component
    values: Mapping[str, Any]
    deps: frozenset[str]
    outs: frozenset[str]
    params: frozenset[str]
    code: frozenset[str]
    metrics: frozenset[str]

    def paths(self, direction: str) -> dict[str, list[str]]:
        """Folders of every port of one direction."""
        ports = [name for name, port in self.component.ports.items() if port.direction == direction]
        return {name: [str(path) for path in _listed(self.values[name])] for name in ports}


@functools.cache
def dvc_stages() -> dict[str, Stage]:
    """Every stage of dvc.yaml that starts a component, templates resolved by DVC itself."""
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        return {stage.addressing: _read(stage) for stage in repo.index.stages if stage.addressing != "code"}


def _read(stage: Any) -> Stage:
    python, dash_m, launcher, name, *argv = shlex.split(stage.cmd)
    assert (python, dash_m, launcher) == ("python", "-m", "bedside.stages"), stage.cmd
    component = catalog.stage(name)
    values = vars(component.parser().parse_args(argv))
    return Stage(
        name=stage.addressing,
        component=component,
        values=values,
        deps=frozenset(str(dep.def_path) for dep in stage.deps if not hasattr(dep, "params")),
        params=_params(stage, "params.yaml"),
        code=_params(stage, "code.json"),
        outs=frozenset(str(out.def_path) for out in stage.outs if not out.metric),
        metrics=frozenset(str(out.def_path) for out in stage.outs if out.metric),
    )


def dvc_edges() -> set[Edge]:
    """The edges that follow from the command lines: who reads the folder that another wrote."""
    stages = dvc_stages().values()
    writers = {path: (s.name, port) for s in stages for port, paths in s.paths("out").items() for path in paths}
    return {
        (*writers[path], stage.name, port)
        for stage in stages
        for port, paths in stage.paths("in").items()
        for path in paths
    }


def kfp_edges(spec: Mapping[str, Any]) -> set[Edge]:
    """The edges of a compiled pipeline, by the tasks' shown names; `evidence_3` is the port `evidence`."""
    tasks = spec["root"]["dag"]["tasks"]
    shown = {key: task["taskInfo"]["name"] for key, task in tasks.items()}
    found = set()
    for key, task in tasks.items():
        for name, artifact in task.get("inputs", {}).get("artifacts", {}).items():
            source = artifact["taskOutputArtifact"]
            port, _, index = name.rpartition("_")
            found.add(
                (
                    shown[source["producerTask"]],
                    source["outputArtifactKey"],
                    shown[key],
                    port if index.isdigit() else name,
                )
            )
    return found


@functools.cache
def kfp_spec() -> Any:
    """The IR of the compiled pipeline."""
    import tempfile

    from bedside import kubeflow
    from pipelines.compress import build

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "compress.yaml"
        kubeflow.compile_to(file, build(params()))
        return next(yaml.safe_load_all(file.read_text()))


def params() -> Any:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def _params(stage: Any, file: str) -> frozenset[str]:
    deps = (dep for dep in stage.deps if hasattr(dep, "params") and str(dep.def_path) == file)
    return frozenset(name for dep in deps for name in dep.params)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
