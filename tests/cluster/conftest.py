"""The laptop's manifests on a real cluster, in a namespace of their own (`bedside-test`), removed afterwards.

KUBECONFIG names the cluster; BEDSIDE_KEEP_CLUSTER=1 leaves everything there to be looked at. A node without kube-proxy,
DNS and provisioner gets what stands for them here: the manifests stay as they are, but for names and volumes.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.bare_node import CLAIMS, provisions, services
from tests.support.kubernetes import (
    Document,
    Namespace,
    containers,
    kubectl,
    rendered,
    volumes,
    wait_for,
    with_hosts,
    with_images,
)
from tests.support.service_routes import ServiceRoutes

ROOT = Path(__file__).parents[2]
OVERLAY = Path(__file__).parent / "overlay"
NAME = "bedside-test"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is slow, needs a cluster, and shares one deployment."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(3600))


@dataclass(frozen=True)
class Deployment:
    """The namespace, its manifests, the tracking server, and what was said before there were secrets."""

    namespace: Namespace
    documents: list[Document]
    uri: str
    commit: str
    without_secrets: str
    started: list[str] = field(default_factory=list)  # jobs of the test that is running

    def job(self, name: str, cronjob: str = "pipeline", **settings: str) -> str:
        """Start a job from a CronJob's template; `settings` replace variables, `folder` and `image`."""
        template = next(d for d in self.documents if d["kind"] == "CronJob" and d["metadata"]["name"] == cronjob)
        job: Any = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
        job["spec"] = deepcopy(template["spec"]["jobTemplate"]["spec"])
        job["spec"].pop("podFailurePolicy", None) if self.namespace.minor < 25 else None
        pod = job["spec"]["template"]["spec"]
        for container in pod["containers"]:
            container["image"] = settings.get("image", container["image"])
            if "folder" in settings:
                container["command"][-1] = settings["folder"]
        for variable in (variable for container in containers(pod) for variable in container.get("env", [])):
            if variable["name"] in settings:
                variable.pop("valueFrom", None)
                variable["value"] = settings[variable["name"]]
        if "retries" in settings:
            job["spec"]["backoffLimit"] = int(settings["retries"])
        self.namespace.apply(job)
        self.started.append(name)
        return name

    def command(self, job: str) -> list[str]:
        """What a pipeline job's pod runs."""
        return list(self.namespace.get("job", job)["spec"]["template"]["spec"]["containers"][0]["command"])


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The overlay, applied first without its secrets (the message is kept), then with them, until MLflow answers."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("needs a Kubernetes cluster: set KUBECONFIG")
    namespace = Namespace(NAME)
    remove(namespace)
    documents = [with_images(document) for document in rendered(OVERLAY)]
    kubectl("create", "namespace", NAME)
    place = Path(os.environ.get("BEDSIDE_CLUSTER_DISK") or tmp_path_factory.mktemp("disk"))
    if not provisions():
        namespace.apply(*volumes(CLAIMS, place, NAME))
    with served(tmp_path_factory.mktemp("git")) as repository, ServiceRoutes(namespace) as routes:
        addresses = services(namespace, documents)
        routes.follow()
        documents = [
            _settled(with_hosts(document, addresses), addresses["mlflow"], repository) for document in documents
        ]
        namespace.apply(*documents)
        message = wait_for(
            "the pod without its secret",
            lambda: namespace.waiting_reason(**{"app.kubernetes.io/name": "mlflow"}),
            timeout=180,
        )
        subprocess.run([ROOT / "docker/kubernetes/secrets", NAME], check=True, capture_output=True)
        for kind, name in (("statefulset", "postgres"), ("statefulset", "s3"), ("deployment", "mlflow")):
            namespace.ready(kind, name)
        namespace("logs", "deployment/mlflow", "--tail=1")  # or every test would fail for want of a node's address
        uri = f"http://{addresses['mlflow']}:5000"
        yield Deployment(namespace, documents, uri, _commit(), message)
    if not os.environ.get("BEDSIDE_KEEP_CLUSTER"):
        remove(namespace)


@pytest.fixture
def server(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> str:
    """The tracking server's address, with its credentials in the environment."""
    secret = deployment.namespace.secret
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", secret("bedside-mlflow", "username"))
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", secret("bedside-mlflow", "password"))
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "false")  # the bucket is the server's alone
    monkeypatch.setenv("NO_PROXY", "*")
    return deployment.uri


@pytest.fixture(autouse=True)
def no_jobs_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test's jobs end with it: one that waits for an image would keep its share of the node."""
    yield
    if "deployment" not in request.fixturenames:
        return
    deployment: Deployment = request.getfixturevalue("deployment")
    while deployment.started:
        deployment.namespace("delete", "job", deployment.started.pop(), "--ignore-not-found", "--wait=true")


@pytest.fixture(scope="session")
def scheduled(deployment: Deployment) -> str:
    """The job that the CronJob started by itself, finished; what every other run is compared with."""
    run = deployment.namespace
    run("patch", "cronjob", "pipeline", "--type=merge", "--patch", '{"spec": {"suspend": false}}')
    job = wait_for("the CronJob to fire", lambda: _jobs_of(run, "pipeline"), timeout=180)[0]
    run("patch", "cronjob", "pipeline", "--type=merge", "--patch", '{"spec": {"suspend": true}}')
    assert run.finish(job) == "Complete", run.story(job)
    return job


def remove(namespace: Namespace) -> None:
    kubectl("delete", "namespace", namespace.name, "--ignore-not-found", "--timeout=180s")
    kubectl(
        "delete",
        "persistentvolume",
        *[f"{namespace.name}-{claim}" for claim in CLAIMS],
        "--ignore-not-found",
        "--timeout=60s",
    )


def _jobs_of(namespace: Namespace, cronjob: str) -> list[str]:
    jobs = namespace.get("jobs")["items"]
    return [
        job["metadata"]["name"]
        for job in jobs
        if any(owner["name"] == cronjob for owner in job["metadata"].get("ownerReferences", []))
    ]


def _settled(document: Document, address: str, repository: str) -> Document:
    """The repository under test, and the address under which the tests ask MLflow."""
    if document["kind"] == "ConfigMap":
        document["data"]["mlflow-allowed-hosts"] += f",{address}:5000"
        document["data"] |= {"repository": repository, "revision": "under-test"}
    return document


def _commit() -> str:
    done = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


class served:  # noqa: N801  (used as `with served(...)`)
    """This repository's last commit as branch `under-test`, served by git to the node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> str:
        bare = self.folder / "bedside.git"
        subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, bare], check=True)
        subprocess.run(["git", "-C", bare, "branch", "--force", "under-test", "HEAD"], check=True)
        subprocess.run(["git", "-C", bare, "config", "uploadpack.allowAnySHA1InWant", "true"], check=True)
        with socket.socket() as probe:
            probe.bind(("", 0))
            port = probe.getsockname()[1]
        command = ["git", "daemon", "--reuseaddr", "--export-all", f"--base-path={self.folder}", f"--port={port}"]
        self.process = subprocess.Popen(command, start_new_session=True)
        return f"git://{_own_address()}:{port}/bedside.git"

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, 15)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _own_address() -> str:
    """This machine's address as the node sees it: the node itself where the tests run on it."""
    node = kubectl("get", "nodes", "-o", 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((node, 9))
        return str(probe.getsockname()[0])
