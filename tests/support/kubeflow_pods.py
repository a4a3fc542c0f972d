"""The pods that Kubeflow Pipelines makes of a compiled pipeline, as its server's source says.

Of each container task the API server (backend/src/v2/compiler/argocompiler/container.go and security_context.go, and
backend/src/v2/driver/k8s.go, of kubeflow/pipelines) makes a pod with the task's container and, before it, one that
copies the launcher. Both get the defaults below where the platform spec says nothing; it cannot take one of them away.
"""

from collections.abc import Iterator, Mapping
from typing import Any

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def pods(documents: list[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Executor and pod, of an IR YAML's two documents: the pipeline, and what is said about Kubernetes."""
    platform = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if documents[1:] else {}
    for name, executor in documents[0]["deploymentSpec"]["executors"].items():
        if "container" in executor:  # an importer has none: Kubeflow's driver does its work
            yield name, _pod(executor["container"], platform.get(name, {}))


def _pod(container: Mapping[str, Any], kubernetes: Mapping[str, Any]) -> dict[str, Any]:
    said = kubernetes.get("securityContext", {})
    own = {name: int(said[name]) for name in ("runAsUser", "runAsGroup") if name in said}
    own |= {"runAsNonRoot": said["runAsNonRoot"]} if "runAsNonRoot" in said else {}
    found = container.get("resources", {})
    resources = {
        bound: {"cpu": found.get(f"resourceCpu{word}"), "memory": found.get(f"resourceMemory{word}")}
        for bound, word in (("requests", "Request"), ("limits", "Limit"))
    }
    main = {
        "name": "main",
        "image": container["image"],
        "imagePullPolicy": kubernetes.get("imagePullPolicy"),
        "resources": {bound: {k: v for k, v in one.items() if v} for bound, one in resources.items()},
        "securityContext": RESTRICTED | own,
        "volumeMounts": [
            {"name": one["volumeName"], "mountPath": one["mountPath"]} for one in kubernetes.get("emptyDirMounts", [])
        ],
    }
    volumes: list[dict[str, Any]] = [{"name": "kfp-launcher", "emptyDir": {}}]
    volumes += [{"name": one["volumeName"], "emptyDir": {}} for one in kubernetes.get("emptyDirMounts", [])]
    volumes += [
        {"name": one["constant"], "persistentVolumeClaim": {"claimName": one["constant"]}}
        for one in kubernetes.get("pvcMount", [])
    ]
    launcher = {"name": "kfp-launcher", "image": "kfp-launcher", "securityContext": RESTRICTED}
    return {
        "securityContext": POD,
        "initContainers": [launcher],
        "containers": [main],
        "volumes": volumes,
        "nodeSelector": kubernetes.get("nodeSelector", {}).get("labels", {}),
        "activeDeadlineSeconds": int(kubernetes.get("activeDeadlineSeconds", 0)),
    }
