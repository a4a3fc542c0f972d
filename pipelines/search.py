"""Search on many machines: workers that share one study by its database, and a last task that writes the recipe.

python -m pipelines.search --out build/search.yaml [--workers 4] [--image train=registry/train@sha256:...]

Dataset and teacher are those of an earlier run of `pipelines/compress.py`, named when the pipeline is run. The address
of the database holds a password, so it is no parameter: it comes from a secret (docker/kubernetes/cluster.yaml).
"""

from collections.abc import Mapping
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_task import PipelineTask

from bedside.cluster.settings import Cluster
from bedside.configuration import value
from bedside.gates import Budget
from bedside.kubeflow_pods import HOME, STATE, fit
from bedside.params import Params, validate
from bedside.search.settings import Search
from bedside.targets import Target
from bedside.terminal import in_utf8
from pipelines.compress import SEARCH, arguments, compiled, default_image


def build(
    params: Mapping[str, Any],
    images: Mapping[str, str],
    cluster: Cluster,
    *,
    workers: int = 4,
    target: str = "onnxruntime-cpu",
) -> BaseComponent:
    """The pipeline for these parameters; workers must run on nodes of one processor type, or they refuse."""
    image = images.get("train", default_image("train"))
    cluster.expect_image(image)
    settings = {
        "search": _section(params, Search, "search"),
        "target": _section(params, Target, "targets", target),
        "budget": _section(params, Budget, "budgets", target),
    }

    @dsl.pipeline(  # type: ignore[untyped-decorator]  # kfp ships no types
        name="bedside-search", description="Workers share one study; the best recipe comes out."
    )
    def search(dataset: str, teacher: str, study: str = "search", trials: int = 100) -> None:
        data = dsl.importer(artifact_uri=dataset, artifact_class=dsl.Dataset)
        model = dsl.importer(artifact_uri=teacher, artifact_class=dsl.Model)
        worker, recipe = _worker(image), _recipe(image)
        at_work = [
            worker(dataset=data.output, teacher=model.output, study=study, trials=trials, **settings)
            for _ in range(workers)
        ]
        for number, task in enumerate(at_work):
            _in_the_study(task, f"worker@{number}", cluster, target)
            # Two workers may try the same recipe at once: each keeps checkpoints of its own.
            task.set_env_variable("BEDSIDE_HOME", f"{STATE if cluster.state else HOME}/worker-{number}")
        # What one lost worker did not do is missing from the study, no more: the recipe is that of all the others.
        _in_the_study(recipe(study=study), "recipe", cluster).after(*at_work).ignore_upstream_failure()

    return search


def _section(params: Mapping[str, Any], model: type[Params], *keys: str) -> Any:
    """What stands there, if a worker will take it; ParamsError with its path if not."""
    found = value(params, keys)
    validate(model, found, f"params.yaml:{'.'.join(keys)}")
    return found


def _worker(image: str) -> BaseComponent:
    def worker(  # noqa: PLR0917  (kfp takes a task's inputs from here)
        dataset: dsl.Input[dsl.Dataset],
        teacher: dsl.Input[dsl.Model],
        search: dict,  # type: ignore[type-arg]  # kfp reads the annotation
        target: dict,  # type: ignore[type-arg]
        budget: dict,  # type: ignore[type-arg]
        study: str,
        trials: int,
    ) -> dsl.ContainerSpec:
        values = {"search": search, "target": target, "budget": budget, "study": study, "trials": trials}
        values |= {"dataset": dataset.path, "teacher": teacher.path, "folder": f"{HOME}/search"}
        args = [part for name, value in values.items() for part in (f"--{name}", value)]
        return dsl.ContainerSpec(image=image, command=["python", "-m", "pipelines.trials"], args=args)

    return dsl.container_component(worker)


def _recipe(image: str) -> BaseComponent:
    def recipe(study: str, variants: dsl.Output[dsl.Artifact]) -> dsl.ContainerSpec:
        command = ["python", "-m", "bedside.cli", "search-recipe"]
        return dsl.ContainerSpec(image=image, command=command, args=["--study", study, "--out", variants.path])

    return dsl.container_component(recipe)


def _in_the_study(task: PipelineTask, shown: str, cluster: Cluster, target: str | None = None) -> PipelineTask:
    """Name the task and give it its pod, with the study's address; what it does depends on the study: never cached."""
    task.set_display_name(shown)
    task.set_caching_options(False)
    return fit(task, SEARCH, cluster, target)


def main() -> None:
    in_utf8()
    parser = arguments("search", __doc__)
    parser.add_argument("--workers", type=int, default=4, help="tasks that work on the study at once (%(default)s)")
    parser.add_argument("--target", default="onnxruntime-cpu", help="what the workers' nodes are (%(default)s)")
    given = parser.parse_args()
    compiled("search", given, build, workers=given.workers, target=given.target)


if __name__ == "__main__":
    main()
