"""Judge a deployed graph anew, on today's recordings and nodes, without training anything: the Kubeflow wiring.

python -m pipelines.revalidate --out build/revalidate.yaml [--target openvino-cpu] [--variant combined]

The graph and the teacher's, beside which it is judged, are `optimized` artifacts of an earlier run of
`pipelines/compress.py` on that target, named by their addresses when this is run: `graph` and `reference`. Nothing is
promoted; the verdict is in MLflow.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

import components
from bedside.cluster.settings import Cluster
from bedside.configuration import check
from bedside.lineage import ROOT
from bedside.params import ParamsError
from bedside.terminal import in_utf8
from pipelines.compress import adder, arguments, compiled, judged, prepared


def build(
    params: Mapping[str, Any],
    images: Mapping[str, str] | None = None,
    cluster: Cluster | None = None,
    *,
    target: str | None = None,
    variant: str = "champion",
) -> BaseComponent:
    """The pipeline for one target, the first that is evaluated if none is named. ParamsError on a wrong name."""
    check(params, Path(components.__path__[0]))
    on = target or params["evaluated"]["targets"][0]
    if on not in params["targets"]:
        raise ParamsError(f"unknown target {on!r}; known: {', '.join(params['targets'])}")
    if variant == ROOT:
        raise ParamsError(f"{ROOT!r} is what the reference is called; give --variant another name")
    add = adder(params, images or {}, cluster)

    @dsl.pipeline(  # type: ignore[untyped-decorator]  # kfp ships no types
        name=f"bedside-revalidate-{on}", description="A deployed graph and today's recordings in, a verdict out."
    )
    def revalidate(
        graph: str,
        reference: str,
        source: dict = params["source"],  # type: ignore[type-arg]  # kfp reads the annotation
    ) -> None:
        data = prepared(add, add("ingest", "ingest", source=source).outputs["recordings"], params)
        graphs = {
            name: dsl.importer(artifact_uri=place, artifact_class=dsl.Model).output
            for name, place in ((ROOT, reference), (variant, graph))
        }
        judged(add, on, graphs, data["test"], params)

    return revalidate


def main() -> None:
    in_utf8()
    parser = arguments("revalidate", __doc__)
    parser.add_argument("--target", help="where the graph is deployed; default: the first that is evaluated")
    parser.add_argument("--variant", default="champion", help="what the graph is called (%(default)s)")
    given = parser.parse_args()
    compiled("revalidate", given, build, target=given.target, variant=given.variant)


if __name__ == "__main__":
    main()
