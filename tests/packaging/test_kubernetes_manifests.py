"""What the overlays render is valid and restricted, secrets are referred to, settings and accounts are there."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from bedside.artifacts import SEAL_KEY
from tests.support import pod_security

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "docker/kubernetes"
OVERLAYS = ["laptop", "cluster"]
PARTS = ["base", "overlays"]  # what is not Kubeflow's; every file of all parts: tests/graphs/test_manifests.py
PATCHES = {MANIFESTS / "overlays/cluster/settings.yaml"}
VERSION = "1.34"


def written() -> list[Path]:
    files = {path for part in PARTS for path in (MANIFESTS / part).rglob("*.yaml") if path.name != "kustomization.yaml"}
    return sorted(files - PATCHES)


def objects(file: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def every_pod() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in written():
        for document in objects(file):
            for _, pod in pod_security.pods(document):
                yield f"{document['kind']} {document['metadata']['name']}", dict(pod)


PODS = dict(every_pod())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_an_overlay_renders_is_valid_and_restricted(overlay: str) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl to render an overlay")
    from tests.support.kubernetes import rendered

    documents = rendered(MANIFESTS / "overlays" / overlay)
    for document in documents:
        kubernetes_validate.validate(json.loads(json.dumps(document)), VERSION, strict=True)
        assert document["kind"] == "Namespace" or document["metadata"]["namespace"] == "bedside"
    pods = [pod for document in documents for _, pod in pod_security.pods(document)]
    assert len(pods) >= 5
    assert [pod_security.violations(pod) + pod_security.house_rules(pod) for pod in pods] == [[]] * len(pods)


def test_every_file_is_part_of_its_overlay() -> None:
    for file in (path for part in PARTS for path in (MANIFESTS / part).rglob("kustomization.yaml")):
        told = yaml.safe_load(file.read_text())
        named = {name for name in told["resources"] if name.endswith(".yaml")}
        named |= {patch["path"] for patch in told.get("patches", []) if "path" in patch}
        assert named == {path.name for path in file.parent.glob("*.yaml")} - {file.name}


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_secrets_reach_a_pod_by_reference_and_no_service_shadows_a_setting(pod: dict[str, Any]) -> None:
    assert pod["enableServiceLinks"] is False
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        for variable in container.get("env", []):
            secret = any(word in variable["name"] for word in ("PASSWORD", "SECRET", "ACCESS_KEY", "SEAL_KEY", "URI"))
            named = variable["name"].endswith("TRACKING_URI")
            assert not secret or named or "secretKeyRef" in variable["valueFrom"], variable["name"]


def test_the_pipeline_seals_with_a_key_where_there_is_one_and_says_who_promotes() -> None:
    (container,) = PODS["CronJob pipeline"]["containers"]
    told = {variable["name"]: variable for variable in container["env"]}
    assert told[SEAL_KEY]["valueFrom"]["secretKeyRef"] == {"name": "bedside-seal", "key": "key", "optional": True}
    assert told["BEDSIDE_AUTHOR"]["value"] == "pipeline"


def test_every_setting_that_a_pod_asks_for_is_there() -> None:
    (settings,) = objects(MANIFESTS / "base/settings.yaml")
    asked = {
        variable["valueFrom"]["configMapKeyRef"]["key"]
        for pod in PODS.values()
        for container in [*pod.get("initContainers", []), *pod["containers"]]
        for variable in container.get("env", [])
        if "configMapKeyRef" in variable.get("valueFrom", {})
    }
    assert asked == set(settings["data"])


def test_every_account_that_a_pod_runs_under_exists_and_may_nothing() -> None:
    accounts = {
        document["metadata"]["name"]: document
        for file in written()
        for document in objects(file)
        if document["kind"] == "ServiceAccount"
    }
    assert {pod["serviceAccountName"] for pod in PODS.values()} <= set(accounts)
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    kinds = {document["kind"] for file in written() for document in objects(file)}
    assert not any("Role" in kind for kind in kinds)


def test_nothing_talks_to_anything_unless_a_policy_names_it() -> None:
    policies = objects(MANIFESTS / "base/network.yaml")
    denied = next(policy["spec"] for policy in policies if policy["metadata"]["name"] == "deny-all")
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_runs_of_one_cronjob_never_overlap_and_the_missed_ones_are_not_caught_up() -> None:
    jobs = [d for file in written() for d in objects(file) if d["kind"] == "CronJob"]
    for job in jobs:
        assert job["spec"]["concurrencyPolicy"] == "Forbid"
        assert job["spec"].get("suspend") or job["spec"]["startingDeadlineSeconds"] <= 3600


def test_compose_takes_every_secret_from_the_environment_and_shows_mlflow_to_this_machine_alone() -> None:
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"] == "10001:10001"
        for name, value in service["environment"].items():
            secret = "PASSWORD" in name or "SECRET" in name or "ACCESS_KEY" in name or name.endswith("STORE_URI")
            assert not secret or "set it in docker/.env" in value, name
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"mlflow": ["127.0.0.1:5000:5000"]}
