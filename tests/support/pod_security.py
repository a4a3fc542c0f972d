"""Kubernetes' restricted Pod Security Standard, checked on manifests: every pod spec in them, whatever holds it.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ (1.34). A cluster's admission decides the same, but
only about pods, only when one is made, and only where the namespace is labelled.
"""

from collections.abc import Iterator, Mapping
from typing import Any

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}  # fmt: skip
SELINUX = {"container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
KINDS = ("initContainers", "containers", "ephemeralContainers")


def pods(document: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every pod spec at any depth, with its place: a Deployment's, a CronJob's, a TrainJob's, a Workflow's."""
    if isinstance(document, Mapping):
        if isinstance(document.get("containers"), list):
            yield where, document
        for name, value in document.items():
            yield from pods(value, f"{where}.{name}".lstrip("."))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from pods(value, f"{where}[{number}]")


def violations(pod: Mapping[str, Any]) -> list[str]:
    """What the restricted standard forbids, one line each; empty for a pod that meets it."""
    return [*_of_pod(pod), *(f"{c.get('name')}: {text}" for c in _containers(pod) for text in _of_container(c, pod))]


def house_rules(pod: Mapping[str, Any]) -> list[str]:
    """What this project asks beyond the standard: nothing to write to but volumes, a token only where the API is used,
    an account of its own, and known appetites."""
    told = []
    if pod.get("serviceAccountName", "default") == "default":
        told.append("runs under the namespace's default account")
    if pod.get("automountServiceAccountToken") is not False:
        told.append("is given a token of the Kubernetes API")
    for container in _containers(pod):
        name, resources = container.get("name"), container.get("resources") or {}
        if (container.get("securityContext") or {}).get("readOnlyRootFilesystem") is not True:
            told.append(f"{name}: may write to its root file system")
        for bound in ("requests", "limits"):
            told += [
                f"{name}: no {bound}.{one}" for one in ("cpu", "memory") if one not in (resources.get(bound) or {})
            ]
    return told


def _containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [container for kind in KINDS for container in pod.get(kind) or []]


def _of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    security = pod.get("securityContext") or {}
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield f"{name} is set"
    for volume in pod.get("volumes") or []:
        for kind in volume.keys() - {"name"} - VOLUMES:
            yield f"volume {volume.get('name')} is a {kind}"
    for sysctl in security.get("sysctls") or []:
        if sysctl["name"] not in SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    yield from _of_both(security)
    for key in pod.get("metadata", {}).get("annotations") or {}:
        if key.startswith("container.apparmor.security.beta.kubernetes.io/"):
            yield f"annotation {key}: use securityContext.appArmorProfile"


def _of_both(security: Mapping[str, Any]) -> Iterator[str]:
    """What may not stand in the security context of a pod, nor in that of a container."""
    if security.get("runAsUser") == 0:
        yield "runs as user 0"
    if security.get("runAsNonRoot") is False:
        yield "runAsNonRoot is false"
    if (security.get("windowsOptions") or {}).get("hostProcess"):
        yield "hostProcess is set"
    if (security.get("seccompProfile") or {}).get("type", "RuntimeDefault") not in ("RuntimeDefault", "Localhost"):
        yield "seccomp is off"
    if (security.get("appArmorProfile") or {}).get("type", "RuntimeDefault") not in ("RuntimeDefault", "Localhost"):
        yield "AppArmor is off"
    selinux = security.get("seLinuxOptions") or {}
    if selinux.get("type", "container_t") not in SELINUX or selinux.get("user") or selinux.get("role"):
        yield f"SELinux options {dict(selinux)}"


def _of_container(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[str]:
    own, of_pod = container.get("securityContext") or {}, pod.get("securityContext") or {}
    both = {**of_pod, **own}
    yield from _of_both(own)
    if both.get("runAsNonRoot") is not True:
        yield "runAsNonRoot is not true"
    if "seccompProfile" not in both:
        yield "no seccompProfile"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if own.get("privileged"):
        yield "privileged"
    if own.get("procMount", "Default") != "Default":
        yield "procMount is not Default"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []):
        yield "does not drop ALL capabilities"
    for capability in set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield f"adds {capability}"
    for port in container.get("ports") or []:
        if port.get("hostPort"):
            yield f"hostPort {port['hostPort']}"
    for place in _hosts(container):
        yield f"{place} names a host of its own"


def _hosts(container: Mapping[str, Any]) -> Iterator[str]:
    """Probes and hooks that leave the pod (forbidden since 1.34)."""
    hooks = container.get("lifecycle") or {}
    places = {n: container.get(n) for n in ("livenessProbe", "readinessProbe", "startupProbe")} | dict(hooks)
    for name, probe in places.items():
        for action in ("httpGet", "tcpSocket"):
            if ((probe or {}).get(action) or {}).get("host"):
                yield f"{name}.{action}"
