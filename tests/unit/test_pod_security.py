"""The checker of the restricted Pod Security Standard refuses what the standard refuses, one thing at a time."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.pod_security import house_rules, pods, violations

SAFE: dict[str, Any] = {
    "serviceAccountName": "mlflow",
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "main",
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
            "livenessProbe": {"httpGet": {"path": "/health", "port": 5000}},
        }
    ],
    "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "work", "persistentVolumeClaim": {"claimName": "work"}}],
}
Edit = Callable[[dict[str, Any]], Any]


def main(pod: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = pod["containers"][0]
    return container


UNSAFE: dict[str, Edit] = {
    "hostNetwork is set": lambda pod: pod.update(hostNetwork=True),
    "hostPID is set": lambda pod: pod.update(hostPID=True),
    "volume host is a hostPath": lambda pod: pod["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    "volume old is a nfs": lambda pod: pod["volumes"].append({"name": "old", "nfs": {}}),
    "sysctl kernel.msgmax": lambda pod: pod["securityContext"].update(sysctls=[{"name": "kernel.msgmax"}]),
    "runs as user 0": lambda pod: pod["securityContext"].update(runAsUser=0),
    "main: runs as user 0": lambda pod: main(pod)["securityContext"].update(runAsUser=0),
    "main: runAsNonRoot is not true": lambda pod: pod["securityContext"].pop("runAsNonRoot"),
    "main: runAsNonRoot is false": lambda pod: main(pod)["securityContext"].update(runAsNonRoot=False),
    "main: no seccompProfile": lambda pod: pod["securityContext"].pop("seccompProfile"),
    "seccomp is off": lambda pod: pod["securityContext"].update(seccompProfile={"type": "Unconfined"}),
    "main: AppArmor is off": lambda pod: main(pod)["securityContext"].update(appArmorProfile={"type": "Unconfined"}),
    "SELinux options {'type': 'spc_t'}": lambda pod: pod["securityContext"].update(seLinuxOptions={"type": "spc_t"}),
    "main: allowPrivilegeEscalation is not false": lambda pod: main(pod)["securityContext"].pop(
        "allowPrivilegeEscalation"
    ),
    "main: privileged": lambda pod: main(pod)["securityContext"].update(privileged=True),
    "main: procMount is not Default": lambda pod: main(pod)["securityContext"].update(procMount="Unmasked"),
    "main: does not drop ALL capabilities": lambda pod: main(pod)["securityContext"].pop("capabilities"),
    "main: adds SYS_ADMIN": lambda pod: main(pod)["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
    "main: hostPort 80": lambda pod: main(pod).update(ports=[{"containerPort": 80, "hostPort": 80}]),
    "main: livenessProbe.httpGet names a host of its own": lambda pod: main(pod)["livenessProbe"]["httpGet"].update(
        host="elsewhere"
    ),
}
CARELESS: dict[str, Edit] = {
    "runs under the namespace's default account": lambda pod: pod.pop("serviceAccountName"),
    "is given a token of the Kubernetes API": lambda pod: pod.pop("automountServiceAccountToken"),
    "main: may write to its root file system": lambda pod: main(pod)["securityContext"].pop("readOnlyRootFilesystem"),
    "main: no limits.memory": lambda pod: main(pod)["resources"]["limits"].pop("memory"),
}


def edited(edit: Edit) -> dict[str, Any]:
    pod = copy.deepcopy(SAFE)
    edit(pod)
    return pod


def test_a_safe_pod_is_left_in_peace() -> None:
    assert (violations(SAFE), house_rules(SAFE)) == ([], [])


@pytest.mark.parametrize("told", UNSAFE)
def test_what_the_standard_forbids_is_found(told: str) -> None:
    assert told in violations(edited(UNSAFE[told]))


@pytest.mark.parametrize("told", CARELESS)
def test_what_this_project_asks_beyond_it_is_found(told: str) -> None:
    pod = edited(CARELESS[told])
    assert (violations(pod), house_rules(pod)) == ([], [told])


@pytest.mark.parametrize("kind", ["initContainers", "ephemeralContainers"])
def test_a_container_of_any_kind_is_looked_at(kind: str) -> None:
    assert any(text.startswith("other: ") for text in violations(SAFE | {kind: [{"name": "other"}]}))


def test_pods_are_found_wherever_they_are() -> None:
    template = {"template": {"spec": SAFE}}
    cron = {"kind": "CronJob", "spec": {"jobTemplate": {"spec": template}}}
    runtime = {"kind": "ClusterTrainingRuntime", "spec": {"template": {"spec": {"replicatedJobs": [cron["spec"]]}}}}
    every = {"kind": "List", "items": [cron, runtime, {"kind": "Pod", "spec": SAFE}, {"kind": "Service", "spec": {}}]}
    assert [where for where, _ in pods(every)] == [
        "items[0].spec.jobTemplate.spec.template.spec",
        "items[1].spec.template.spec.replicatedJobs[0].jobTemplate.spec.template.spec",
        "items[2].spec",
    ]
