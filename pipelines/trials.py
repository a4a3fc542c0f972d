"""A worker of the search: has recipes drawn, makes each with the stages themselves, measures it on the target.

A fourth launcher beside `dvc repro`, Kubeflow and the tests: it wires stages into the chain of one trial, so it stands
with the pipelines; what a trial is worth, and what to try next, is decided in `bedside.search`. Started by
`bedside search`, and by the tasks of `pipelines/search.py`.

python -m pipelines.trials --trials 20 --dataset artifacts/dataset --teacher artifacts/models/teacher
"""

import argparse
import dataclasses
import hashlib
import json
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

import components
from bedside import catalog, disk, lineage, scratch
from bedside.artifacts import (
    Artifact,
    ArtifactError,
    DatasetIn,
    ModelIn,
    ModelOut,
    commit,
    open_artifact,
    staged,
    write_json,
)
from bedside.component import Component, Metrics, component
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.gates import Budget
from bedside.measurement import Measure, Measurement
from bedside.measurement.answers import answers
from bedside.measurement.cpu import require_kind
from bedside.measurement.environment import environment
from bedside.models.io import DESCRIPTION
from bedside.outcome import outcome_of
from bedside.params import ClassName, Params, ParamsError, Share, load, validate
from bedside.redaction import clean
from bedside.search.command import arguments
from bedside.search.figures import Figures, quality, shortfalls
from bedside.search.recipe import variants
from bedside.search.settings import Floor, Search
from bedside.search.space import Chain, Step
from bedside.stages.export import export
from bedside.stages.optimize import optimize
from bedside.targets import Target
from bedside.terminal import in_utf8
from bedside.training.stages import require_classes
from pipelines.workspace import merged

COMPONENTS = Path(components.__path__[0])
FIGURES, METRICS = "figures.json", "metrics.json"
TAKES, QUIET = 3, 3.0  # a p99 of more than three medians is somebody else's


class Attempt(Params):
    """The chain to try, with its short budgets, and how it is judged."""

    chain: Chain
    watched: tuple[ClassName, ...]
    floors: dict[ClassName, Floor]
    hopeless: Share
    measure: Measure


@component(image="train")
def trial(
    *, dataset: DatasetIn, teacher: ModelIn, reference: ModelIn, graph: ModelOut, target: Target, params: Attempt
) -> Metrics:
    """Make a chain of techniques briefly, then measure and judge its file on the target, on validation patients."""
    folder = scratch.folder()  # the finished steps of a killed trial are found there
    assert folder is not None  # the runner around every stage opens one
    try:
        model = _chain(dataset, teacher, folder, params)
        exported = made(export, folder, {"dataset": dataset, "model": model}, {"params": {}})
        optimized = made(optimize, folder, {"graph": exported}, {"target": target})
    except RefusedError as error:  # a technique that gains nothing, a graph that would run in float: not worth more
        figures: Figures = {"stopped": str(error)}
    else:
        file = (optimized / "model.onnx").read_bytes()
        (graph / "model.onnx").write_bytes(file)
        figures = _judged(dataset, file, (reference / "model.onnx").read_bytes(), target, params)
    write_json(graph / FIGURES, figures)
    return {f"trial/{name}": float(value) for name, value in figures.items() if isinstance(value, int | float)}


def _chain(dataset: Artifact, teacher: Artifact, folder: Path, params: Attempt) -> Artifact:
    """The last model of the chain; the way there ends early where no later technique could repair it."""
    model = teacher
    for step in tqdm(params.chain, desc=" -> ".join(step.technique for step in params.chain), unit="technique"):
        inputs = {"dataset": dataset, "teacher": teacher, "parent": model}
        model = made(technique(step), folder, inputs, {"params": step.params})
        short = shortfalls(params.floors, model.json(METRICS), prefix="validation/")
        if step != params.chain[-1] and short and max(short.values()) > params.hopeless:
            worst = max(short, key=lambda name: short[name])
            raise RefusedError(f"{worst} after {step.technique} is {short[worst]:.2f} below its floor")
    return model


def made(stage: Component, folder: Path, inputs: Mapping[str, Artifact], params: Mapping[str, Any]) -> Artifact:
    """What the stage makes of its inputs, with its metrics; not made again where it already lies in `folder`.

    The stage is called below its runner, because one recorded run per trial is enough.
    """
    models = {name: validate(stage.models[name], value, stage.name) for name, value in params.items()}
    record = {
        "component": stage.name,
        "code": stage.code(*models.values(), *_networks(inputs.values())),
        "inputs": {name: artifact.digest for name, artifact in inputs.items()},
        "params": {name: model.model_dump(mode="json") for name, model in models.items()},
        "labels": {name: value for artifact in inputs.values() for name, value in artifact.labels.items()},
    }
    path = folder / f"{stage.name}-{_key(record)}"
    try:
        return open_artifact(path)
    except ArtifactError:  # not there, or damaged: made again
        pass
    (output,) = (name for name, port in stage.ports.items() if port.direction == "out")
    with scratch.opened(record), staged(path) as staging:
        metrics = stage.function(**inputs, **models, **{output: staging})
        write_json(staging / METRICS, metrics)
        commit(staging, path, record)
    return open_artifact(path)


def _judged(dataset: Artifact, file: bytes, reference: bytes, target: Target, params: Attempt) -> Figures:
    """Quality and cost of the same bytes on the target; the teacher is measured in turns with them."""
    windows = load_split(dataset, "validation")
    classes = outcome_of(dataset).classes
    logits, _ = answers(target.session(file), windows.inputs, batch=16, sampled=64, name="validation patients")
    cost = _undisturbed(Measurement(target, file, reference, windows.inputs), params.measure)
    return {
        **quality(logits, windows.label, list(classes), params.watched),
        **{name: cost["latency"][name] for name in ("p50_ms", "p99_ms")},
        "times_faster": cost["latency"]["times_faster"]["p50"]["median"],
        "peak_rss_mb": cost["memory"]["peak_rss_mb"],
        "size_bytes": cost["size_bytes"],
    }


def _undisturbed(measurement: Measurement, how: Measure) -> dict[str, Any]:
    """The quietest of up to three takes: what else runs on a machine only ever adds to a p99."""
    takes: list[dict[str, Any]] = []
    while len(takes) < TAKES:
        takes.append(measurement.take(how))
        latency = takes[-1]["latency"]
        if latency["p99_ms"] < QUIET * latency["p50_ms"]:
            break
    return min(takes, key=lambda take: float(take["latency"]["p99_ms"]))


def technique(step: Step) -> Component:
    """The component of that name."""
    try:
        return catalog.stage(step.technique)
    except RefusedError as error:
        raise RefusedError(f"search.space: {error}") from None


@dataclasses.dataclass(frozen=True)
class Workbench:
    """Where chains are made; what was tried lies in `folder` and is not tried again."""

    dataset: Path
    teacher: Path
    target: Target
    search: Search
    folder: Path

    def __call__(self, chain: Chain) -> Figures:
        """Figures of the chain, made with the search's short budgets."""
        short = tuple(self._short(step) for step in chain)
        params = Attempt(
            chain=short, **{n: getattr(self.search, n) for n in ("watched", "floors", "hopeless", "measure")}
        )
        inputs = {"dataset": self.dataset, "teacher": self.teacher, "reference": self.reference()}
        digests = {name: open_artifact(path).digest for name, path in inputs.items()}
        known = {
            "inputs": digests,
            "params": params.model_dump(mode="json"),
            "target": self.target.described(),
            "processor": environment()["cpu"],
            "code": self._codes(short),
        }
        graph = self.folder / f"trial-{_key(known)}"
        try:
            tried = open_artifact(graph)
        except ArtifactError:
            trial(**inputs, graph=graph, target=self.target, params=params)
            tried = open_artifact(graph)
        figures: Figures = tried.json(FIGURES)
        return {**figures, "graph": str(graph)}

    def _codes(self, chain: Chain) -> list[str]:
        """Digests of all that a trial of this chain computes with."""
        networks = [*_networks([open_artifact(self.teacher)]), *(step.params for step in chain)]
        steps = [technique(step).code(*networks) for step in chain]
        return [trial.code(self.target), *steps, export.code(*networks), optimize.code(self.target)]

    def _short(self, step: Step) -> Step:
        """The step with its short budget, watching the classes that the search watches."""
        params = merged(step.params, self.search.short.get(step.technique, {}))
        if "validation" in technique(step).models["params"].model_fields:
            params = merged(params, {"validation": {"watched": list(self.search.watched)}})
        return step.model_copy(update={"params": params})

    def reference(self) -> Path:
        """The teacher's file for the target, which every candidate is measured in turns with."""
        dataset, teacher = open_artifact(self.dataset), open_artifact(self.teacher)
        exported = made(export, self.folder, {"dataset": dataset, "model": teacher}, {"params": {}})
        return made(optimize, self.folder, {"graph": exported}, {"target": self.target}).path

    def about(self) -> dict[str, Any]:
        """What figures depend on beside the recipe: only under the same can trials be compared."""
        return {
            "dataset": open_artifact(self.dataset).digest,
            "teacher": open_artifact(self.teacher).digest,
            "target": self.target.described(),
            "processor": environment()["cpu"],
            "search": self.search.model_dump(mode="json", by_alias=True),
        }

    def check(self) -> None:
        """Find what cannot work now, not in the middle of a night of trials: a class, a chain, a mistyped parameter."""
        require_kind(self.target.cpu, self.target.kind)
        require_classes("search.watched", self.search.watched, outcome_of(open_artifact(self.dataset)).classes)
        for chain in self.search.space.starts():
            for step in map(self._short, chain):
                where = f"search.space.techniques.{step.technique}"
                validate(technique(step).models["params"], step.params, where)
            lineage.check({"variants": variants(chain, "chain")}, COMPONENTS, "search.space.chains: as ")


def work(given: argparse.Namespace) -> None:
    """Work on the study until it has as many finished trials as asked, or the time is over."""
    from bedside.search import study as studies
    from bedside.search.trial import Objective

    search, budget, target = load(Search, given.search), load(Budget, given.budget), load(Target, given.target)  # type: ignore[type-abstract]
    bench = Workbench(given.dataset, given.teacher, target, search, given.folder)
    bench.check()
    url = studies.address(given.storage)
    study = studies.open_study(url, given.study, {**bench.about(), "budget": budget.model_dump()})
    done = min(studies.finished(study), given.trials)
    with studies.answering(url), tqdm(total=given.trials, initial=done, desc=given.study, unit="trial") as progress:
        objective = Objective(search, budget, bench)
        studies.work(study, objective, trials=given.trials, timeout=given.timeout, progress=progress)
    print(
        f"{studies.finished(study)} trials in study {given.study!r}; next: bedside search-recipe --study {given.study}"
    )


def main(argv: list[str] | None = None) -> None:
    if argv is None:
        in_utf8()
    parser = argparse.ArgumentParser(prog="python -m pipelines.trials", description=__doc__)
    arguments(parser)
    given = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cluster ends a worker as Ctrl-C would
    try:
        work(given)
    except (RefusedError, ParamsError, ArtifactError) as error:
        sys.exit(f"bedside search: {clean(str(error))}")
    except OSError as error:
        sys.exit(f"bedside search: {clean(disk.explained(error))}")
    except KeyboardInterrupt:
        print("bedside search: left; the trial that ran is queued again, the same command goes on", file=sys.stderr)
        sys.exit(130)


def _networks(inputs: Iterable[Artifact]) -> list[Any]:
    """The architectures of the networks among a stage's inputs: their kinds compute in it, too."""
    return [one.json(DESCRIPTION) for one in inputs if DESCRIPTION in one.manifest["files"]]


def _key(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
