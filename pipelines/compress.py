"""Compress a clinical network and judge every variant on every target: the Kubeflow wiring.

python -m pipelines.compress --out build/compress.yaml [--params params.yaml] [--image train=registry/train@sha256:...]

The graph is unrolled from the lineage tree in params.yaml; `dvc.yaml` is the same graph on a laptop. What a stage's pod
gets on a cluster comes from a file of its own, docker/kubernetes/cluster.yaml. `bedside submit` compiles and runs it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_task import PipelineTask

import components
from bedside import kubeflow
from bedside.catalog import stage
from bedside.cluster import settings
from bedside.cluster.settings import Cluster
from bedside.configuration import check, read
from bedside.errors import RefusedError
from bedside.kubeflow_pods import fit
from bedside.lineage import ROOT, Lineage, maker
from bedside.params import ParamsError
from bedside.redaction import cleaned
from bedside.terminal import in_utf8

# Measurements and judgements are never taken from a cache. Neither is data: Kubeflow's cache compares parameters, and
# behind the same address or branch there may be other recordings today. What follows from new data follows it: a cached
# stage's key holds its input artifacts, and a new `recordings` is another one.
NEVER_CACHED = {"checkout", "ingest", "evaluate", "gate", "promote"}
SEARCH = "search"  # what a worker of pipelines/search.py is called in the cluster's settings; it is no component
Adder = Callable[..., PipelineTask]


def build(
    params: Mapping[str, Any],
    images: Mapping[str, str] | None = None,
    cluster: Cluster | None = None,
    *,
    data_version: bool = False,
) -> BaseComponent:
    """The pipeline for these parameters; what data it runs on stays a run-time parameter, so a schedule can name other.

    Recordings come from `source`, or with `data_version` from a git revision and a DVC remote. Without `cluster` the
    tasks are bare: what runs them elsewhere than on Kubernetes gives them what they need. Raises ParamsError when a
    stage would refuse its parameters, a variant cannot be made, or the settings are about what does not exist.
    """
    lineage = check(params, Path(components.__path__[0]))
    add = adder(params, images or {}, cluster)
    source = kubeflow.without_nulls(stage("ingest"), "source", params["source"])
    if not data_version and cleaned(source) != source:
        raise ParamsError(
            "params.yaml:source: holds a password or a token, which everybody would read in the compiled pipeline; "
            "give the address to the pods as BEDSIDE_MIRROR, from a secret"
        )
    about = {"name": "bedside-compress", "description": "Raw recordings in, gated and signed edge models out."}

    def compress(source: dict = source) -> None:  # type: ignore[type-arg]  # kfp reads the annotation
        _graph(add, add("ingest", "ingest", source=source).outputs["recordings"], params, lineage)

    def compress_version(version: dict) -> None:  # type: ignore[type-arg]
        _graph(add, add("checkout", "checkout", version=version).outputs["recordings"], params, lineage)

    made: BaseComponent = dsl.pipeline(compress_version if data_version else compress, **about)
    return made


def _graph(add: Adder, recordings: Any, params: Mapping[str, Any], lineage: Lineage) -> None:
    """Everything that follows from the recordings."""
    data = prepared(add, recordings, params)
    models = _models(add, data["dataset"], data["approval"], params, lineage)
    variants, targets = params["evaluated"]["variants"], params["evaluated"]["targets"]
    common = {"dataset": data["dataset"], "params": params["export"]}
    graphs = {v: add("export", f"export@{v}", model=models[v], **common).outputs["graph"] for v in variants}
    evidence, verdicts, decisions = [], [], []
    for target in targets:
        about = {"measures": target, "target": params["targets"][target]}
        optimized = {v: add("optimize", f"optimize@{target}-{v}", graph=graph, **about) for v, graph in graphs.items()}
        here = judged(add, target, {v: t.outputs["optimized"] for v, t in optimized.items()}, data["test"], params)
        evidence += here["evidence"]
        verdicts += here["verdicts"]
        by = {"gates": params["gates"], "budget": params["budgets"][target]}
        decided = add("promote", f"promote@{target}", **here, params=params["promote"], **by)
        decisions.append(decided.outputs["decision"])
    add("report", "report", evidence=evidence, verdicts=verdicts, decisions=decisions, params=params["report"])


def prepared(add: Adder, recordings: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Validated windows of the recordings: `dataset` with its `approval`, and the `test` windows apart."""
    approved = add("validate", "validate_recordings", data=recordings, params=params["validate"]["recordings"])
    made = add("prepare", "prepare", recordings=recordings, approval=approved.outputs["report"], task=params["task"])
    dataset = made.outputs["dataset"]
    approval = add("validate", "validate_windows", data=dataset, params=params["validate"]["windows"])
    return {"dataset": dataset, "approval": approval.outputs["report"], "test": made.outputs["test"]}


def _models(add: Adder, dataset: Any, approval: Any, params: Mapping[str, Any], lineage: Lineage) -> dict[str, Any]:
    """Every model of the lineage tree, parents first."""
    stage = maker(params)
    teach = add(stage, stage, dataset=dataset, approval=approval, params=params[stage])
    models = {ROOT: teach.outputs["teacher"]}
    for name in lineage.order():
        variant = lineage.variants[name]
        made = add(
            variant.technique,
            f"variant@{name}",
            dataset=dataset,
            teacher=models[ROOT],
            parent=models[variant.parent],
            params=variant.params,
        )
        models[name] = made.outputs["student"]
    return models


def judged(add: Adder, target: str, graphs: Mapping[str, Any], test: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Measure and judge optimized graphs on one target, the teacher's among them; lists in the order of `graphs`.

    `reference` is the teacher's evidence.
    """
    evidence = {
        v: add(
            "evaluate",
            f"evaluate@{target}-{v}",
            measures=target,
            test=test,
            graph=graph,
            reference=graphs[ROOT],
            deployment={"variant": v, "target": target},
            target=params["targets"][target],
            params=params["evaluate"],
        ).outputs["evidence"]
        for v, graph in graphs.items()
    }
    verdicts = {
        v: add(
            "gate",
            f"gate@{target}-{v}",
            evidence=found,
            reference=evidence[ROOT],
            gates=params["gates"],
            budget=params["budgets"][target],
        ).outputs["verdict"]
        for v, found in evidence.items()
    }
    return {
        "graphs": list(graphs.values()),
        "evidence": list(evidence.values()),
        "verdicts": list(verdicts.values()),
        "reference": evidence[ROOT],
    }


def adder(params: Mapping[str, Any], images: Mapping[str, str], cluster: Cluster | None) -> Adder:
    """What adds the task of a stage to a pipeline: with its image, and as the cluster's settings want it."""
    if cluster is not None:
        names = [path.stem for path in Path(components.__path__[0]).glob("[!_]*.py")]
        cluster.expect({*names, SEARCH}, params["targets"], "the cluster's settings")

    def add(name: str, shown: str, measures: str | None = None, **values: Any) -> PipelineTask:
        """`measures`: the target on whose nodes the stage has to run."""
        declared = stage(name)
        kind = image_kind(declared.image, params["targets"][measures] if measures else None)
        image = images.get(kind, default_image(kind))
        task = kubeflow.add(declared, shown, image=image, cached=name not in NEVER_CACHED, **values)
        if cluster is not None:
            cluster.expect_image(image)
            fit(task, name, cluster, measures)
        return task

    return add


def image_kind(declared: str, target: Mapping[str, Any] | None) -> str:
    """A stage that runs a target's files needs its runtime: ONNX Runtime is in every image, others have their own."""
    return declared if target is None or target["kind"] == "onnxruntime" else f"{declared}-{target['kind']}"


def default_image(kind: str) -> str:
    """The image of a kind of stage, unless named on the command line: from the environment, or the local build."""
    return os.environ.get(f"BEDSIDE_{kind.upper().replace('-', '_')}_IMAGE", f"bedside-{kind}:dev")


def arguments(name: str, description: str | None) -> argparse.ArgumentParser:
    """The command line that every pipeline of this graph's stages is compiled by."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=f"python -m pipelines.{name}", description=description, formatter_class=raw)
    parser.add_argument("--out", type=Path, default=Path(f"build/{name}.yaml"), help="default: %(default)s")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    parser.add_argument(
        "--image",
        action="append",
        type=_pair,
        default=[],
        metavar="KIND=IMAGE",
        help="image of a kind of stage, best by digest; else BEDSIDE_<KIND>_IMAGE, else the local build",
    )
    parser.add_argument(
        "--cluster", type=Path, default=settings.DEFAULT, help="what pods get on the cluster (%(default)s)"
    )
    parser.add_argument(
        "--kubernetes-manifests",
        action="store_true",
        help="write a Pipeline and a PipelineVersion for `kubectl apply` instead, where Kubeflow keeps pipelines so",
    )
    parser.add_argument("--namespace", help="of those two resources; default: the one that kubectl is set to")
    return parser


def compiled(name: str, given: argparse.Namespace, build: Callable[..., BaseComponent], **more: Any) -> None:
    """Build and write; what the user can correct is one message."""
    try:
        pipeline = build(read(given.params), dict(given.image), settings.read(given.cluster), **more)
    except (ParamsError, RefusedError) as error:
        sys.exit(f"{name}: {error}")
    kubeflow.compile_to(given.out, pipeline, manifests=given.kubernetes_manifests, namespace=given.namespace)
    print(f"compiled to {given.out}")


def _pair(text: str) -> tuple[str, str]:
    kind, equals, image = text.partition("=")
    if not (kind and equals and image):
        raise argparse.ArgumentTypeError(f"{text!r} is not KIND=IMAGE, for example train=registry/train@sha256:...")
    return kind, image


def main() -> None:
    in_utf8()
    parser = arguments("compress", __doc__)
    parser.add_argument(
        "--data-version",
        action="store_true",
        help="begin with the recordings of a git revision and a DVC remote, named when it is run, not with `source`",
    )
    given = parser.parse_args()
    compiled("compress", given, build, data_version=given.data_version)


if __name__ == "__main__":
    main()
