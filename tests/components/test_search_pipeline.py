"""The search on Kubernetes: workers around one study, then the recipe."""

from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("optuna")  # the extra `search`

from bedside import kubeflow
from bedside.cluster import settings
from bedside.params import load
from bedside.search.settings import STORAGE, Search
from pipelines.search import build
from tests.support import kubeflow_pods, pod_security
from tests.unit.search import desk

ROOT = Path(__file__).parents[2]
PARAMS = {
    "search": desk.SETTINGS,
    "targets": {"onnxruntime-cpu": {"kind": "onnxruntime", "threads": 1}},
    "budgets": {"onnxruntime-cpu": desk.BUDGET.model_dump()},
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The pipeline, and what it asks of Kubernetes."""
    file = tmp_path_factory.mktemp("kfp") / "search.yaml"
    images, cluster = {"train": "registry/train@sha256:1"}, settings.read(ROOT / settings.DEFAULT)
    kubeflow.compile_to(file, build(PARAMS, images, cluster, workers=3))
    pipeline, platform = yaml.safe_load_all(file.read_text())
    return pipeline, platform


def tasks(compiled: tuple[Any, Any]) -> dict[str, Any]:
    return {task["taskInfo"]["name"]: task for task in compiled[0]["root"]["dag"]["tasks"].values()}


def command(compiled: tuple[Any, Any], shown: str) -> list[str]:
    pipeline, _ = compiled
    component = pipeline["components"][tasks(compiled)[shown]["componentRef"]["name"]]
    container = pipeline["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    assert container["image"] == "registry/train@sha256:1"
    found: list[str] = container["command"] + container["args"]
    return found


def test_every_worker_has_the_same_data_and_study_and_the_recipe_waits_for_all(compiled: tuple[Any, Any]) -> None:
    found = tasks(compiled)
    workers = [found[f"worker@{number}"] for number in range(3)]
    assert len(found) == 3 + 2 + 1  # workers, what is given, the recipe
    producers = [
        {name: given["taskOutputArtifact"]["producerTask"] for name, given in worker["inputs"]["artifacts"].items()}
        for worker in workers
    ]
    assert producers == [{"dataset": "importer", "teacher": "importer-2"}] * 3
    assert {worker["inputs"]["parameters"]["study"]["componentInputParameter"] for worker in workers} == {"study"}
    keys = {task["taskInfo"]["name"]: key for key, task in compiled[0]["root"]["dag"]["tasks"].items()}
    waits = set(found["recipe"]["dependentTasks"])
    assert waits == {keys[f"worker@{number}"] for number in range(3)}


def test_a_lost_worker_is_started_again_and_never_costs_the_recipe(compiled: tuple[Any, Any]) -> None:
    found = tasks(compiled)
    assert all(found[f"worker@{number}"]["retryPolicy"]["maxRetryCount"] == 6 for number in range(3))
    assert found["recipe"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"


def test_a_worker_waits_longer_and_longer_for_a_database_that_is_away(compiled: tuple[Any, Any]) -> None:
    policy = tasks(compiled)["worker@0"]["retryPolicy"]
    first, factor = float(policy["backoffDuration"].rstrip("s")), policy["backoffFactor"]
    assert sum(first * factor**n for n in range(policy["maxRetryCount"])) > 1800


def test_every_worker_writes_where_it_may_and_no_other_worker_does(compiled: tuple[Any, Any]) -> None:
    commands = [command(compiled, f"worker@{number}") for number in range(3)]
    assert all(parts[parts.index("--folder") + 1].startswith("/tmp/") for parts in commands)
    containers = [
        executor["container"]
        for executor in compiled[0]["deploymentSpec"]["executors"].values()
        if "container" in executor
    ]
    homes = [one["value"] for container in containers for one in container["env"] if one["name"] == "BEDSIDE_HOME"]
    assert len(homes) == len(set(homes)) == 3 + 1


def test_workers_run_on_the_targets_nodes_with_processors_of_their_own(compiled: tuple[Any, Any]) -> None:
    pods = {name: pod for name, pod in kubeflow_pods.pods(list(compiled)) if "worker" in name}
    assert len(pods) == 3
    for pod in pods.values():
        assert pod["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
        resources = pod["containers"][0]["resources"]
        assert resources["requests"] == resources["limits"]
        assert pod_security.violations(pod) == []


def test_nothing_that_depends_on_the_study_is_cached(compiled: tuple[Any, Any]) -> None:
    found = tasks(compiled)
    assert not any(found[name]["cachingOptions"] for name in ("worker@0", "worker@1", "worker@2", "recipe"))


def test_the_address_comes_from_a_secret_and_stands_nowhere_in_the_pipeline(compiled: tuple[Any, Any]) -> None:
    pipeline, platform = compiled
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    secrets = [
        {one["secretName"]: one["keyToEnv"] for one in executor["secretAsEnv"]} for executor in executors.values()
    ]
    assert len(secrets) == 3 + 1
    assert all(one["bedside-search"] == [{"envVar": STORAGE, "secretKey": "url"}] for one in secrets)
    assert set(pipeline["root"]["inputDefinitions"]["parameters"]) == {"dataset", "teacher", "study", "trials"}
    assert "--storage" not in command(compiled, "worker@0")


def test_a_task_runs_the_command_that_a_laptop_runs(compiled: tuple[Any, Any]) -> None:
    import argparse

    from bedside.search.command import arguments

    parser = argparse.ArgumentParser()
    arguments(parser)
    python, dash_m, module, *flags = command(compiled, "worker@0")
    assert (python, dash_m) == ("python", "-m")
    assert Path(module.replace(".", "/") + ".py").name == "trials.py"
    numbers = [part if part.startswith("--") else "1" for part in flags]
    assert set(vars(parser.parse_args(numbers))) >= {"dataset", "teacher", "study", "trials", "search", "budget"}


def test_a_tasks_parameters_are_those_of_the_search(compiled: tuple[Any, Any]) -> None:
    import json

    given = tasks(compiled)["worker@0"]["inputs"]["parameters"]["search"]["runtimeValue"]["constant"]
    assert load(Search, json.dumps(given)) == desk.settings()
