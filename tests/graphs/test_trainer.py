"""The manifests that train the teacher on several machines, against Kubeflow Trainer's own models and the component."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.train_teacher import train_teacher
from tests.graphs.wiring import ROOT, dvc_stages
from tests.support import pod_security

FOLDER = ROOT / "docker/kubernetes/trainer"
WORKSPACE = "/work/workspace"


def manifest(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def pods() -> list[Any]:
    return [pod for _, pod in pod_security.pods(manifest("runtime.yaml"))]


@pytest.mark.parametrize(("file", "kind"), [("runtime.yaml", "TrainingRuntime"), ("train-teacher.yaml", "TrainJob")])
def test_the_manifest_is_one_that_kubeflow_trainer_takes(file: str, kind: str) -> None:
    models = pytest.importorskip("kubeflow_trainer_api.models")
    given = manifest(file)
    assert given["kind"] == kind
    understood = getattr(models, f"TrainerV1alpha1{kind}").from_dict(given).to_dict()
    assert json.loads(json.dumps(understood)) == given  # a field that it does not know would be missing


def test_the_training_begins_in_the_runtime_of_this_folder() -> None:
    runtime, job = manifest("runtime.yaml"), manifest("train-teacher.yaml")
    assert job["spec"]["runtimeRef"] == {
        "apiGroup": runtime["apiVersion"].split("/")[0],
        "kind": runtime["kind"],
        "name": runtime["metadata"]["name"],
    }


def test_the_component_gets_the_flags_that_dvc_gives_it() -> None:
    (pod,) = pods()
    command = pod["containers"][0]["command"] + manifest("train-teacher.yaml")["spec"]["trainer"]["args"]
    assert command[:3] == ["torchrun", "-m", "components.train_teacher"]
    given = vars(train_teacher.parser().parse_args(command[3:]))
    for name, value in dvc_stages()["train_teacher"].values.items():
        assert value is None or str(given[name]) == f"{WORKSPACE}/{value}", name


def test_a_lost_machine_ends_all_and_all_begin_again_at_the_last_epoch() -> None:
    jobs = manifest("runtime.yaml")["spec"]["template"]["spec"]
    (node,) = jobs["replicatedJobs"]
    assert jobs["failurePolicy"]["maxRestarts"] > 0
    assert node["template"]["spec"]["backoffLimit"] == 0
    environment = {one["name"]: one.get("value") for one in pods()[0]["containers"][0]["env"]}
    kept = [Path(mount["mountPath"]) for mount in pods()[0]["containers"][0]["volumeMounts"] if mount["name"] == "work"]
    assert kept[0] in Path(str(environment["BEDSIDE_HOME"])).parents  # where checkpoints lie


def test_only_the_machines_of_a_training_talk_to_each_other() -> None:
    policy = manifest("network.yaml")["spec"]
    labels = manifest("runtime.yaml")["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]
    machines = {"podSelector": {"matchLabels": labels["metadata"]["labels"]}}
    assert policy["podSelector"] == machines["podSelector"]
    assert policy["ingress"] == [{"from": [machines]}]
    assert policy["egress"][0] == {"to": [machines]}
