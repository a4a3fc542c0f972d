"""A Kubernetes cluster for tests: manifests as they are, bent only where this very cluster is old or bare."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

Document = dict[str, Any]
R = TypeVar("R")


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True) -> str:
    """What kubectl printed; its own message where it failed."""
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def rendered(overlay: Path) -> list[Document]:
    """Every object of a kustomize overlay."""
    return [document for document in yaml.safe_load_all(kubectl("kustomize", str(overlay))) if document]


def pod_specs(document: Document) -> Iterator[Document]:
    """The pod template in a workload, wherever its kind keeps it."""
    spec = document.get("spec", {})
    for template in (spec.get("template"), spec.get("jobTemplate", {}).get("spec", {}).get("template")):
        if template:
            yield template["spec"]


def containers(pod: Document) -> list[Document]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def for_version(document: Document, minor: int) -> Document:
    """The same object for a cluster older than its API."""
    if document["kind"] == "CronJob" and minor < 25:
        document["spec"].pop("timeZone", None)
        document["spec"]["jobTemplate"]["spec"].pop("podFailurePolicy", None)
    if document["kind"] in ("CronJob", "PodDisruptionBudget") and minor < 21:
        document["apiVersion"] += "beta1"
    return document


class Namespace:
    """One namespace of the cluster that KUBECONFIG names."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.minor = int(json.loads(kubectl("version", "-o", "json"))["serverVersion"]["minor"].rstrip("+"))

    def __call__(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        return kubectl("-n", self.name, *arguments, stdin=stdin, check=check)

    def get(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "-o", "json"))

    def apply(self, *documents: Document) -> None:
        every = [for_version(document, self.minor) for document in documents]
        self("apply", "-f", "-", stdin=yaml.safe_dump_all(every))

    def pods(self, **labels: str) -> list[Document]:
        found = self.get("pods", "-l", ",".join(f"{name}={value}" for name, value in labels.items()))["items"]
        return sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def job_pods(self, job: str) -> list[Document]:
        return self.pods(**{"job-name": job})

    def logs(self, pod: str) -> str:
        return self("logs", pod, "--all-containers", check=False)

    def condition_of(self, job: str) -> str | None:
        """`Complete`, `Failed` or None."""
        found = self.get("job", job)["status"].get("conditions", [])
        return next(
            (str(c["type"]) for c in found if c["status"] == "True" and c["type"] in ("Complete", "Failed")), None
        )

    def finish(self, job: str, timeout: float = 1800) -> str:
        """How a job ended; what its pods said where it did not complete."""

        def ended() -> str | None:
            return self.condition_of(job)

        return wait_for(f"the end of job {job}", ended, timeout, lambda: self.story(job))

    def story(self, job: str) -> str:
        """The end of every pod's log, for a failure's message."""
        names = [pod["metadata"]["name"] for pod in self.job_pods(job)]
        return "\n".join(f"--- {name}\n{self.logs(name)[-3000:]}" for name in names)

    def waiting_reason(self, **labels: str) -> str | None:
        """`CreateContainerConfigError: secret "x" not found`: why the newest pod's containers do not start."""
        for pod in reversed(self.pods(**labels)):
            status = pod["status"]
            for found in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
                waiting = found["state"].get("waiting", {})
                if "message" in waiting:
                    return f"{waiting['reason']}: {waiting['message']}"
        return None

    def ready(self, kind: str, name: str, timeout: float = 900) -> None:
        self("rollout", "status", f"{kind}/{name}", f"--timeout={timeout:.0f}s")

    def secret(self, name: str, key: str) -> str:
        return self("get", "secret", name, "-o", f'go-template={{{{index .data "{key}" | base64decode}}}}')


def wait_for(
    what: str, call: Callable[[], R | None], timeout: float, story: Callable[[], str] = lambda: "", pause: float = 1.0
) -> R:
    """The first true answer of `call`; AssertionError with `story()` when there is none in time."""
    deadline = time.monotonic() + timeout
    while not (answer := call()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout:.0f} s\n{story()}"
        time.sleep(pause)
    return answer


def with_images(document: Document) -> Document:
    """BEDSIDE_<KIND>_IMAGE instead of the local build's name."""
    for pod in pod_specs(document):
        for container in containers(pod):
            kind = container["image"].removeprefix("bedside-").removesuffix(":dev").upper()
            container["image"] = os.environ.get(f"BEDSIDE_{kind}_IMAGE", container["image"])
    return document


def with_hosts(document: Document, addresses: Mapping[str, str]) -> Document:
    """Names that a cluster without DNS does not resolve."""
    for pod in pod_specs(document):
        pod["hostAliases"] = [{"ip": address, "hostnames": [name]} for name, address in addresses.items()]
    return document


def volumes(claims: Mapping[str, int], folder: Path, namespace: str, user: int = 10001) -> list[Document]:
    """Volumes on this machine's disk for claims that no provisioner serves; sizes in Gi."""
    made = []
    for claim, size in claims.items():
        place = folder / claim
        place.mkdir(parents=True, exist_ok=True)
        os.chown(place, user, user)
        made.append(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"{namespace}-{claim}"},
                "spec": {
                    "capacity": {"storage": f"{size}Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "hostPath": {"path": str(place)},
                    "claimRef": {"namespace": namespace, "name": claim},
                    "persistentVolumeReclaimPolicy": "Retain",
                },
            }
        )
    return made
