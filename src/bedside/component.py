"""One declaration per stage: a typed function that runs as a call, as a command line and as a container task.

    @component(image="train")
    def distill(*, dataset: DatasetIn, teacher: ModelIn, student: ModelOut, params: Distill) -> Metrics: ...

The annotations are the contract: `*In`/`*Out` are artifact ports, a list of an input port takes the flag several times
or one folder per entry of a list in the parameters (`artifacts/evidence/{params.yaml:evaluated.variants}`), and a
`Params` model is read from `params.yaml:dotted.path` or inline JSON.
"""

import argparse
import contextlib
import functools
import inspect
import itertools
import json
import os
import re
import sys
import tempfile
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bedside import disk, ending, fingerprint, scratch, tracking
from bedside.artifacts import Artifact, ArtifactError, Port, as_json, commit, open_artifact, staged, write_atomic
from bedside.errors import RefusedError
from bedside.params import Params, ParamsError, load, lookup, parts, raw
from bedside.redaction import clean, cleaned
from bedside.terminal import in_utf8
from bedside.tracking.cost import measured

Metrics = dict[str, float]


class Component:
    """A stage: its ports and parameter models, read from the function's signature, and the ways to run it."""

    def __init__(
        self, function: Callable[..., Metrics], image: str, takes: Sequence[str] = (), gives: str = "{parent}"
    ) -> None:
        functools.update_wrapper(self, function)
        self.function, self.image, self.name = function, image, function.__name__
        self.is_process = False  # started by its command line, so that the process' start and memory are the stage's
        self.takes, self.gives = tuple(takes), gives
        hints = typing.get_type_hints(function, include_extras=True)
        self.ports: dict[str, Port] = {}
        self.many: set[str] = set()
        self.models: dict[str, type[Params]] = {}
        for name in inspect.signature(function).parameters:
            hint = hints[name]
            if typing.get_origin(hint) is list:
                self.many.add(name)
                (hint,) = typing.get_args(hint)
            if typing.get_origin(hint) is typing.Annotated:
                self.ports[name] = hint.__metadata__[0]
            else:
                self.models[name] = hint

    def argv(self, values: Mapping[str, Any]) -> list[Any]:
        """The command line for `values` (paths, and parameter references), in declaration order."""
        flags: list[Any] = []
        for name in [*self.ports, *self.models, "metrics"]:
            for value in values[name] if name in self.many else [values[name]] if name in values else []:
                flags += [flag(name), value]
        return flags

    def parser(self) -> argparse.ArgumentParser:
        """The command line's parser; also used by the tests that compare dvc.yaml with the KFP graph."""
        parser = argparse.ArgumentParser(prog=f"python -m bedside.stages {self.name}", description=inspect.getdoc(self))
        for name, port in self.ports.items():
            text = f"{port.direction}put {port.kind} folder" + (" (repeatable)" if name in self.many else "")
            kind: Any = {"type": folders, "action": "extend"} if name in self.many else {"type": Path}
            parser.add_argument(flag(name), required=True, help=text, **kind)
        for name, model in self.models.items():
            fields = ", ".join(
                f"{k}={v.default!r}" if not v.is_required() else k for k, v in model.model_fields.items()
            )
            text = f"file.yaml:dotted.path or inline JSON; fields: {fields}"
            parser.add_argument(flag(name), required=True, help=text.replace("%", "%%"))
        parser.add_argument("--metrics", type=Path, help="where to write the stage's metrics as JSON")
        parser.add_argument(
            "--code", help="run only if this is the digest of the stage's sources (for launchers elsewhere)"
        )
        return parser

    def __call__(self, metrics: Path | None = None, **values: Any) -> Metrics:
        """Verify the inputs, run the stage into staging folders, then make all outputs visible with their manifests."""
        inputs = {name: self._open(values[name]) for name, port in self.ports.items() if port.direction == "in"}
        models = {name: _as_model(model, values[name]) for name, model in self.models.items()}
        if os.environ.get("RANK", "0") != "0":  # of the processes that torchrun starts, the first records and writes
            return self._assist(inputs, models)
        record = self._record(inputs, models)
        with scratch.opened(record), tracking.run(self.name, record) as run, contextlib.ExitStack() as stack:
            staging = {name: stack.enter_context(staged(Path(values[name]))) for name in self.outs}
            cost: dict[str, float] = {}
            with measured(cost, own_process=self.is_process):
                result = self.function(**inputs, **staging, **models)
            figures = as_json(result, f"metrics of {self.name}")  # before any output is there to be used
            labels = _merged([record["labels"], _own_labels(staging.values())])
            with ending.deferred():  # all of them become visible, or none
                for name in self.outs:
                    run.artifacts(name, staging[name])
                    artifact = commit(staging[name], Path(values[name]), {**record, "labels": labels, "port": name})
                    run.output(name, artifact)
                run.metrics({**result, **cost})
                if metrics is not None:
                    write_atomic(metrics, figures)
        return result

    def main(self, argv: Sequence[str] | None = None) -> None:
        """Run from the command line; what the user can correct is one message, without a traceback."""
        if argv is None:
            in_utf8()
        values = vars(self.parser().parse_args(argv))
        self.is_process = True
        try:
            with ending.listening(self.name):
                self._expect(values.pop("code"), values)
                self(**values)
        except (RefusedError, ParamsError, ArtifactError) as error:
            sys.exit(f"{self.name}: {clean(str(error))}")
        except OSError as error:
            sys.exit(f"{self.name}: {clean(disk.explained(error))}")
        except KeyboardInterrupt:
            print(f"{self.name}: interrupted; {ending.AGAIN}", file=sys.stderr)
            sys.exit(130)
        except ending.Terminated:
            print(f"{self.name}: ended by SIGTERM; {ending.AGAIN}", file=sys.stderr)
            sys.exit(ending.STATUS)

    def code(self, *params: object) -> str:
        """Digest of every source file that this stage computes with under these parameters (models or mappings)."""
        return fingerprint.digest(self.function.__module__, params)

    @property
    def any_code(self) -> str:
        """The same where parameters are only known when it runs: with every strategy that they could name."""
        return fingerprint.of_any_kind(self.function.__module__)

    @property
    def outs(self) -> list[str]:
        """The names of the output ports."""
        return [name for name, port in self.ports.items() if port.direction == "out"]

    def _assist(self, inputs: Mapping[str, Any], models: Mapping[str, Params]) -> Metrics:
        """Compute beside the process that records this stage; what is written here is thrown away."""
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-") as folder:
            staging = {name: Path(folder) / name for name in self.outs}
            for path in staging.values():
                path.mkdir()
            return self.function(**inputs, **staging, **models)

    def _expect(self, digest: str | None, values: Mapping[str, Any]) -> None:
        if digest is None:
            return
        own = self.code(*(raw(values[name]) for name in self.models))
        if digest not in (own, self.any_code):
            raise RefusedError(
                f"these sources are not the ones the pipeline was compiled from (code {own[:12]}, wanted "
                f"{digest[:12]}); build the image and compile the pipeline from the same commit"
            )

    def _open(self, value: Path | list[Path]) -> Artifact | list[Artifact]:
        return [open_artifact(Path(v)) for v in value] if isinstance(value, list) else open_artifact(Path(value))

    def _record(self, inputs: Mapping[str, Any], models: Mapping[str, Params]) -> dict[str, Any]:
        """What the outputs follow from: inputs, code and parameters without secrets, with the labels of every input."""
        every = [a for v in inputs.values() for a in (v if isinstance(v, list) else [v])]
        labels = _merged([artifact.labels for artifact in every])
        digests = {k: [a.digest for a in v] if isinstance(v, list) else v.digest for k, v in inputs.items()}
        params = cleaned({name: model.model_dump(mode="json") for name, model in models.items()})
        return {
            "component": self.name,
            "code": self.code(*models.values()),
            "inputs": digests,
            "params": params,
            "labels": labels,
        }


def component(
    *, image: str, takes: Sequence[str] = (), gives: str = "{parent}"
) -> Callable[[Callable[..., Metrics]], Component]:
    """Declare a stage; `image` is the kind of container image that it runs in (pipelines/compress.py names them).

    A technique also says which forms of network it takes (none named: any) and which it gives, so that a lineage
    is checked before anything runs (bedside.lineage, which reads these words without importing the component).
    """
    return lambda function: Component(function, image, takes, gives)


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def folders(pattern: str) -> list[Path]:
    """A path, or one per combination of the lists it names in braces: `evidence/{params.yaml:evaluated.variants}`."""
    parts = re.split(r"\{([^{}]+)\}", pattern)
    try:
        choices = [[part] if i % 2 == 0 else _names(part) for i, part in enumerate(parts)]
    except ParamsError as error:
        raise argparse.ArgumentTypeError(str(error)) from None  # argparse shows the text of no other exception
    return [Path("".join(combination)) for combination in itertools.product(*choices)]


def _names(reference: str) -> list[str]:
    names = lookup(*parts(reference))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not names:
        raise ParamsError(f"{reference}: a list of names is needed here, not {names!r}")
    return names


def _merged(all_labels: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Labels of everything that meets in a stage; simulated and real, say, must not meet unnoticed."""
    merged: dict[str, str] = {}
    for labels in all_labels:
        for key, value in labels.items():
            if merged.setdefault(key, value) != value:
                raise RefusedError(
                    f"inputs with different labels meet here: {key} is {merged[key]!r} and {value!r}; "
                    "make all inputs from the same source and the same split"
                )
    return merged


def _as_model(model: type[Params], value: Params | str | Mapping[str, Any]) -> Params:
    if isinstance(value, Params):
        return value
    return load(model, value if isinstance(value, str) else json.dumps(value))


def _own_labels(folders: Iterable[Path]) -> dict[str, str]:
    """Labels that this stage adds: an output may hold a `labels.json`; they travel to everything made from it."""
    files = [folder / "labels.json" for folder in folders]
    return {
        key: value
        for file in files
        if file.is_file()
        for key, value in json.loads(file.read_text(encoding="utf-8")).items()
    }
