"""Compile a pipeline, upload it as a version named after its content, start a run: `bedside submit`.

python -m pipelines.submit --endpoint http://localhost:8888 [--revision REV] [--data REV] [--image KIND=IMAGE]
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bedside.artifacts import sha256
from bedside.cluster import images, revisions, settings
from bedside.cluster.command import EXPERIMENT, SUBMIT, arguments
from bedside.cluster.server import Server
from bedside.errors import RefusedError
from bedside.params import ParamsError
from bedside.terminal import in_utf8


@dataclass(frozen=True)
class Published:
    """A pipeline version on a server, and what a run of it is given."""

    experiment: str
    pipeline: str
    version: str
    name: str
    parameters: dict[str, Any]
    service_account: str | None

    def run(self) -> Any:
        """A run of it, as the server takes it."""
        import kfp_server_api as api

        reference = api.V2beta1PipelineVersionReference(pipeline_id=self.pipeline, pipeline_version_id=self.version)
        return api.V2beta1Run(
            display_name=self.name,
            experiment_id=self.experiment,
            pipeline_version_reference=reference,
            runtime_config=api.V2beta1RuntimeConfig(parameters=self.parameters),
            service_account=self.service_account,
        )


def published(given: argparse.Namespace, server: Server) -> Published:
    """Compile and upload; everything that can be refused is refused before anything is sent."""
    parameters = {**_arguments(given.argument), **_data_version(given)}
    account = settings.read(given.cluster).service_account
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{given.pipeline}.yaml"
        compile_into(file, given)
        spec = next(yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader))  # in C: a second, not ten
        images.expect(one["container"]["image"] for one in _executors(spec) if "container" in one)
        _expect_parameters(spec, parameters)
        experiment = server.experiment(given.experiment, create=given.new_experiment or given.experiment == EXPERIMENT)
        name, version = spec["pipelineInfo"]["name"], sha256(file)[:12]
        pipeline = server.pipeline(name, spec["pipelineInfo"].get("description", ""))
        about = f"compiled from {given.revision or 'the working folder'} ({_commit(given.revision)})"
        identity, is_new = server.version(pipeline, version, file, about)
    print(f"{name} {version}: {'uploaded' if is_new else 'there already'}", flush=True)
    return Published(experiment, pipeline, identity, f"{name} {version}", parameters, account)


def compile_into(file: Path, given: argparse.Namespace) -> None:
    """Compile by the sources of the revision; what they refuse is refused here."""
    if not given.pipeline.isidentifier() or not Path(f"pipelines/{given.pipeline}.py").is_file():
        raise RefusedError(f"there is no pipeline {given.pipeline!r} (pipelines/{given.pipeline}.py)")
    print(f"compiling {given.pipeline} ...", flush=True)
    with _sources(given.revision) as folder:
        flags = [part for pair in given.image for part in ("--image", pair)]
        flags += given.compiler
        flags += ["--data-version"] if given.data else []
        flags += ["--params", str(given.params), "--cluster", str(given.cluster.absolute()), "--out", str(file)]
        path = os.pathsep.join([str(folder / "src"), str(folder)])
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", f"pipelines.{given.pipeline}", *flags],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if done.returncode != 0:
        raise RefusedError(done.stderr.strip())


@contextlib.contextmanager
def _sources(revision: str | None) -> Iterator[Path]:
    if revision is None:
        yield Path.cwd()
        return
    with revisions.checked_out(revision) as folder:
        yield folder


def _executors(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return list(spec["deploymentSpec"]["executors"].values())


def _arguments(pairs: list[str]) -> dict[str, Any]:
    """NAME=VALUE, with a value that is JSON or else text."""
    found: dict[str, Any] = {}
    for name, equals, value in (pair.partition("=") for pair in pairs):
        if not (name and equals):
            raise RefusedError(f"--argument {name!r} is not NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _expect_parameters(spec: dict[str, Any], given: dict[str, Any]) -> None:
    """A run that the server would refuse after the upload is refused before it."""
    known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name in given.keys() - known.keys():
        raise RefusedError(f"the pipeline has no parameter {name!r}; it has: {', '.join(sorted(known)) or 'none'}")
    missing = sorted(
        n for n, one in known.items() if n not in given and not one.keys() & {"defaultValue", "isOptional"}
    )
    if missing:
        raise RefusedError(f"the pipeline wants {', '.join(missing)}: --argument {missing[0]}=VALUE")


def _data_version(given: argparse.Namespace) -> dict[str, Any]:
    """The run's parameters: the data version, where one is asked for, exact from now on."""
    if given.data is None:
        if given.remote or given.repository:
            raise RefusedError("--remote and --repository are about a data version: name its git revision with --data")
        return {}
    return {"version": revisions.data_version(given.data, given.remote, given.repository)}


def _commit(revision: str | None) -> str:
    try:
        return revisions.commit(revision or "HEAD")[:12]
    except RefusedError:
        return "no git"


def main(argv: Sequence[str] | None = None) -> None:
    if argv is None:
        in_utf8()
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m pipelines.submit", description=SUBMIT, formatter_class=raw)
    arguments(parser)
    given = parser.parse_args(argv)
    try:
        server = Server(given.endpoint, given.namespace)
        one = published(given, server)
        run = server.start(one.run())
    except (RuntimeError, ParamsError) as error:
        sys.exit(f"submit: {error}")
    print(f"run {run} started: {server.endpoint}/#/runs/details/{run}\nbedside status says how it stands")


if __name__ == "__main__":
    main()
