"""What `kfp-kubernetes` can say about the pod of a task, said from the cluster's settings.

Beside this, Kubeflow's own server sets on every pod: drop ALL, seccomp RuntimeDefault, no privilege escalation. A
read-only root is beyond what it takes: docker/kubernetes/kubeflow/ has a policy that adds it.
"""

from kfp import kubernetes
from kfp.dsl.pipeline_task import PipelineTask

from bedside.cluster.settings import Cluster, Stage

HOME, STATE = "/tmp", "/state"


def fit(task: PipelineTask, stage: str, cluster: Cluster, target: str | None = None) -> PipelineTask:
    """Give the task of a stage its resources, patience, credentials and, where it measures a target, its nodes."""
    wanted = cluster.stage(stage)
    _resources(task, wanted)
    _patience(task, wanted, cluster)
    _credentials(task, wanted, cluster)
    _pod(task, wanted, cluster)
    for name, value in {**cluster.labels, "app.kubernetes.io/part-of": "bedside"}.items():
        kubernetes.add_pod_label(task, name, value)
    kubernetes.add_pod_label(task, "app.kubernetes.io/component", stage)
    if target is not None:
        _place(task, target, cluster)
    return task


def _resources(task: PipelineTask, wanted: Stage) -> None:
    task.set_cpu_request(wanted.requests.cpu).set_cpu_limit(wanted.limits.cpu)
    task.set_memory_request(wanted.requests.memory).set_memory_limit(wanted.limits.memory)


def _patience(task: PipelineTask, wanted: Stage, cluster: Cluster) -> None:
    """The longest time for all attempts counts from the start of the first: a long stage would get no second one."""
    kubernetes.set_timeout(task, wanted.timeout)
    if wanted.retries:
        longest = (wanted.retries + 1) * wanted.timeout + cluster.backoff.total(wanted.retries)
        task.set_retry(
            num_retries=wanted.retries,
            backoff_duration=f"{cluster.backoff.seconds}s",
            backoff_factor=cluster.backoff.factor,
            backoff_max_duration=f"{longest}s",
        )


def _credentials(task: PipelineTask, wanted: Stage, cluster: Cluster) -> None:
    for name, keys in cluster.config.items():
        kubernetes.use_config_map_as_env(task, name, keys)
    for name in dict.fromkeys((*cluster.common, *wanted.secrets)):
        kubernetes.use_secret_as_env(task, name, cluster.secrets[name])


def _pod(task: PipelineTask, wanted: Stage, cluster: Cluster) -> None:
    """Who it runs as, from which image, and where it may write."""
    kubernetes.set_image_pull_policy(task, cluster.image_pull_policy)
    if cluster.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(cluster.image_pull_secrets))
    kubernetes.set_security_context(task, cluster.user, cluster.group, run_as_non_root=True)
    kubernetes.empty_dir_mount(task, "tmp", HOME, size_limit=cluster.scratch)
    # All stages of a run are one pipeline run in MLflow; Kubeflow labels every pod with its run.
    kubernetes.use_field_path_as_env(task, "BEDSIDE_PIPELINE_RUN", "metadata.labels['pipeline/runid']")
    environment = {"HOME": HOME, "BEDSIDE_HOME": f"{HOME}/bedside", **cluster.environment}
    if cluster.state is not None:
        kubernetes.mount_pvc(task, cluster.state, STATE, sub_path=wanted.keeps)
        environment["BEDSIDE_HOME"] = STATE
    for name, value in environment.items():
        task.set_env_variable(name, value)


def _place(task: PipelineTask, target: str, cluster: Cluster) -> None:
    kubernetes.add_pod_label(task, "bedside.io/target", target)
    placement = cluster.targets.get(target)
    for name, value in placement.node_selector.items() if placement else ():
        kubernetes.add_node_selector(task, name, value)
    for one in placement.tolerations if placement else ():
        kubernetes.add_toleration(task, one.key, one.operator, one.value or None, one.effect)
