"""What the compiled pipeline asks of a cluster: every pod safe, bounded, patient and where it belongs."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.dsl.base_component import BaseComponent

from bedside import kubeflow
from bedside.artifacts import SEAL_KEY
from bedside.cluster import settings
from bedside.params import ParamsError
from pipelines import compress, revalidate
from tests.graphs.wiring import ROOT, params
from tests.support import kubeflow_pods, pod_security

FILE = ROOT / settings.DEFAULT
VARIANTS = ("distilled", "pruned", "quantized", "distilled-pruned", "combined")


@functools.cache
def documents() -> list[Any]:
    """The IR and its platform spec, with the project's own settings."""
    return ir(compress.build(small(), cluster=settings.read(FILE)))


def ir(pipeline: BaseComponent) -> list[Any]:
    """The two documents of a compiled pipeline's YAML."""
    return [json_format.MessageToDict(one) for one in (pipeline.pipeline_spec, pipeline.platform_spec)]


def small() -> dict[str, Any]:
    """The project's parameters with every kind of task, and not with every task: kfp takes its time for each."""
    found: dict[str, Any] = params()
    found["variants"] = {name: found["variants"][name] for name in VARIANTS}
    found["evaluated"]["variants"] = ["teacher", "combined"]
    return found


def tasks() -> dict[str, Any]:
    """By the name that is shown."""
    return {task["taskInfo"]["name"]: task for task in documents()[0]["root"]["dag"]["tasks"].values()}


def executor(shown: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """A task's container, and what is said to Kubernetes about it."""
    component = documents()[0]["components"][tasks()[shown]["componentRef"]["name"]]
    label = component["executorLabel"]
    container = documents()[0]["deploymentSpec"]["executors"][label]["container"]
    return container, documents()[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label]


def environment(shown: str) -> dict[str, str]:
    return {one["name"]: one["value"] for one in executor(shown)[0]["env"]}


def build(**changed: Any) -> None:
    """Compile a smaller pipeline with changed settings."""
    found = yaml.safe_load(FILE.read_text()) | changed
    compress.build(small(), cluster=settings.Cluster.model_validate(found))


def test_every_pod_of_the_compiled_pipeline_meets_the_restricted_standard() -> None:
    pods = dict(kubeflow_pods.pods(documents()))
    assert len(pods) == len(tasks())
    assert {name: found for name, pod in pods.items() if (found := pod_security.violations(pod))} == {}


def test_every_pod_runs_as_one_user_who_is_not_root_with_its_own_tmp() -> None:
    for _, pod in kubeflow_pods.pods(documents()):
        (main,) = pod["containers"]
        assert (main["securityContext"]["runAsUser"], main["securityContext"]["runAsGroup"]) == (10001, 10001)
        assert {"name": "tmp", "mountPath": "/tmp"} in main["volumeMounts"]


def test_every_pod_asks_for_what_it_needs_and_is_held_to_a_limit_and_a_time() -> None:
    for name, pod in kubeflow_pods.pods(documents()):
        (main,) = pod["containers"]
        asked = {bound: set(one) for bound, one in main["resources"].items()}
        assert asked == {"requests": {"cpu", "memory"}, "limits": {"cpu", "memory"}}, name
        assert pod["activeDeadlineSeconds"] > 0, name
        assert main["imagePullPolicy"] == "IfNotPresent"


def test_a_stage_that_measures_has_its_processors_to_itself_and_runs_on_its_target() -> None:
    container, kubernetes = executor("evaluate@openvino-cpu-combined")
    amounts = container["resources"]
    assert amounts["resourceCpuRequest"] == amounts["resourceCpuLimit"] == "2"  # whole ones: the node can pin them
    assert amounts["resourceMemoryRequest"] == amounts["resourceMemoryLimit"]
    assert kubernetes["nodeSelector"]["labels"] == {"kubernetes.io/arch": "amd64"}
    assert kubernetes["podMetadata"]["labels"]["bedside.io/target"] == "openvino-cpu"
    assert "nodeSelector" not in executor("gate@openvino-cpu-combined")[1]


def test_a_stage_that_runs_a_targets_files_has_the_image_with_that_runtime() -> None:
    for stage in ("optimize", "evaluate"):
        assert executor(f"{stage}@onnxruntime-cpu-combined")[0]["image"] == "bedside-runtime:dev"
        assert executor(f"{stage}@openvino-cpu-combined")[0]["image"] == "bedside-runtime-openvino:dev"
    assert executor("gate@openvino-cpu-combined")[0]["image"] == "bedside-runtime:dev"


def test_the_image_of_a_runtime_is_named_as_every_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_RUNTIME_OPENVINO_IMAGE", "registry.example/from-environment")
    assert compress.default_image("runtime-openvino") == "registry.example/from-environment"


def test_pods_are_labelled_with_their_stage() -> None:
    for shown in tasks():
        labels = executor(shown)[1]["podMetadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "bedside"
        stage = container_stage(shown)
        assert labels["app.kubernetes.io/component"] == stage


def container_stage(shown: str) -> str:
    return str(executor(shown)[0]["command"][3])


def test_a_lost_pod_is_replaced_with_growing_pauses_and_a_long_stage_too() -> None:
    policy = tasks()["train_teacher"]["retryPolicy"]
    assert (policy["maxRetryCount"], policy["backoffDuration"], policy["backoffFactor"]) == (4, "30s", 2)
    timeout = int(executor("train_teacher")[1]["activeDeadlineSeconds"])
    # Counted from the start of the first attempt: less than this would leave a long stage without a second one.
    assert int(policy["backoffMaxDuration"].removesuffix("s")) > 5 * timeout


def test_a_stage_whose_failure_is_its_verdict_is_not_retried() -> None:
    assert all("retryPolicy" not in tasks()[name] for name in ("validate_recordings", "validate_windows"))


def test_credentials_come_from_secrets_and_nothing_secret_is_written_down() -> None:
    for shown in tasks():
        container, kubernetes = executor(shown)
        (secret,) = kubernetes["secretAsEnv"]
        assert secret["secretName"] == "bedside-mlflow"
        assert {one["envVar"] for one in secret["keyToEnv"]} == {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"}
        (config,) = kubernetes["configMapAsEnv"]
        assert {"configMapKey": "mlflow-tracking-uri", "envVar": "MLFLOW_TRACKING_URI"} in config["keyToEnv"]
        words = ("PASSWORD", "SECRET", "TOKEN", "ACCESS_KEY")
        assert not [one for one in container["env"] if any(word in one["name"] for word in words)]


def test_every_stage_has_the_seal_key_where_it_is_among_the_common_secrets() -> None:
    found = yaml.safe_load(FILE.read_text())
    cluster = settings.Cluster.model_validate({**found, "common": [*found["common"], "bedside-seal"]})
    _, platform = ir(compress.build(small(), cluster=cluster))
    for executor in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        given = {one["secretName"]: one["keyToEnv"] for one in executor["secretAsEnv"]}
        assert given["bedside-seal"] == [{"secretKey": "key", "envVar": SEAL_KEY}]


def test_a_data_version_comes_in_place_of_the_source_and_its_credentials_go_to_that_stage_alone() -> None:
    spec, platform = ir(compress.build(small(), cluster=settings.read(FILE), data_version=True))
    tasks = spec["root"]["dag"]["tasks"]
    assert "ingest" not in tasks
    assert spec["root"]["inputDefinitions"]["parameters"].keys() == {"version"}
    assert {name for name, task in tasks.items() if "checkout" in task.get("dependentTasks", [])} == {
        "prepare",
        "validate",
    }
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    secrets = {name: {one["secretName"] for one in executor["secretAsEnv"]} for name, executor in executors.items()}
    assert {name for name, found in secrets.items() if "bedside-s3" in found} == {"exec-checkout"}


def test_a_deployed_graph_is_judged_anew_without_training_or_promoting_anything() -> None:
    built = revalidate.build(small(), cluster=settings.read(FILE), target="openvino-cpu", variant="combined")
    tasks = ir(built)[0]["root"]["dag"]["tasks"]
    shown = {task["taskInfo"]["name"]: task for task in tasks.values()}
    judged = {f"{stage}@openvino-cpu-{name}" for stage in ("evaluate", "gate") for name in ("teacher", "combined")}
    prepared = {"ingest", "validate_recordings", "prepare", "validate_windows"}
    assert {name for name in shown if not name.startswith("importer")} == prepared | judged
    read = shown["evaluate@openvino-cpu-combined"]["inputs"]["artifacts"]
    for port in ("graph", "reference"):
        importer = tasks[read[port]["taskOutputArtifact"]["producerTask"]]
        assert importer["inputs"]["parameters"]["uri"]["componentInputParameter"] == port
    assert not any(shown[name]["cachingOptions"] for name in judged)


def test_revalidation_on_an_unknown_target_is_refused() -> None:
    with pytest.raises(ParamsError, match="unknown target 'gpu'; known: onnxruntime-cpu, openvino-cpu"):
        revalidate.build(small(), target="gpu")


def test_revalidation_of_a_graph_called_teacher_is_refused() -> None:
    with pytest.raises(ParamsError, match="'teacher' is what the reference is called; give --variant another name"):
        revalidate.build(small(), variant="teacher")


def test_the_signing_key_is_out_of_every_other_stages_sight() -> None:
    kept = {shown: executor(shown)[1]["pvcMount"][0]["subPath"] for shown in tasks()}
    assert {shown.partition("@")[0] for shown, folder in kept.items() if folder == "promotions"} == {"promote"}
    assert set(kept.values()) == {"work", "promotions"}
    assert {environment(shown)["BEDSIDE_HOME"] for shown in kept} == {"/state"}


def test_a_run_is_one_run_in_mlflow_and_its_journals_are_replayed_before_a_pod_is_gone() -> None:
    for shown in tasks():
        (field,) = executor(shown)[1]["fieldPathAsEnv"]
        assert field == {"name": "BEDSIDE_PIPELINE_RUN", "fieldPath": "metadata.labels['pipeline/runid']"}
        assert environment(shown)["BEDSIDE_FLUSH"] == "end"


def test_variants_and_targets_wait_for_nothing_but_what_they_read() -> None:
    """Unrolled tasks of one kind run beside each other: a task depends on the makers of its inputs, and no more."""
    for name, task in documents()[0]["root"]["dag"]["tasks"].items():
        read = {one["taskOutputArtifact"]["producerTask"] for one in task["inputs"].get("artifacts", {}).values()}
        assert set(task.get("dependentTasks", [])) == read, name


def test_all_variants_of_one_parent_and_both_targets_go_on_at_the_same_time() -> None:
    every = {name: set(task.get("dependentTasks", [])) for name, task in documents()[0]["root"]["dag"]["tasks"].items()}
    shown = {task["taskInfo"]["name"]: name for name, task in documents()[0]["root"]["dag"]["tasks"].items()}

    def before(name: str) -> set[str]:
        return every[name].union(*(before(one) for one in every[name]))

    of_teacher = [name for name, variant in small()["variants"].items() if variant["parent"] == "teacher"]
    beside = {shown[f"variant@{name}"] for name in of_teacher}
    assert all(not before(one) & beside for one in beside)
    deployed = {shown[f"evaluate@{target}-combined"] for target in small()["evaluated"]["targets"]}
    assert all(not before(one) & deployed for one in deployed)
    longest = functools.cache(lambda name: 1 + max((longest(one) for one in every[name]), default=0))
    assert max(longest(name) for name in every) == 14  # from ingest over three techniques to the report


def test_settings_about_a_stage_that_does_not_exist_are_refused() -> None:
    stage = yaml.safe_load(FILE.read_text())["default"]
    with pytest.raises(ParamsError, match=r"stages: there is no 'train'; known: .*train_teacher"):
        build(stages={"train": stage})


def test_settings_about_a_target_that_does_not_exist_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"targets: there is no 'onnxruntime-gpu'; known: onnxruntime-cpu"):
        build(targets={"onnxruntime-gpu": {}})


def test_an_image_named_by_a_tag_is_refused_where_digests_are_asked_for() -> None:
    with pytest.raises(ParamsError, match="image 'bedside-train:dev' is named by a tag"):
        build(by_digest=True)


def test_kubernetes_manifests_are_a_pipeline_and_a_version_named_after_its_content(tmp_path: Path) -> None:
    def written(**changed: Any) -> list[Any]:
        smallest = {"variants": {}, "evaluated": {"variants": ["teacher"], "targets": ["onnxruntime-cpu"]}}
        made = compress.build(small() | smallest | changed, cluster=settings.read(FILE))
        kubeflow.compile_to(tmp_path / "manifests.yaml", made, manifests=True, namespace="bedside")
        return list(yaml.load_all((tmp_path / "manifests.yaml").read_text(), yaml.CSafeLoader))

    pipeline, version = written()
    assert (pipeline["kind"], version["kind"]) == ("Pipeline", "PipelineVersion")
    assert {one["apiVersion"] for one in (pipeline, version)} == {"pipelines.kubeflow.org/v2beta1"}
    assert {one["metadata"]["namespace"] for one in (pipeline, version)} == {"bedside"}
    assert version["spec"]["pipelineName"] == pipeline["metadata"]["name"] == "bedside-compress"
    found = [version["spec"]["pipelineSpec"], version["spec"]["platformSpec"]]
    assert all(not pod_security.violations(pod) for _, pod in kubeflow_pods.pods(found))
    assert version == written()[1]
    other = written(source={"kind": "mitdb", "connections": 2})[1]
    assert other["metadata"]["name"] != version["metadata"]["name"]  # a version never changes, so it is another one
