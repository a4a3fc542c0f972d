"""The pipeline by the clock: it fires by itself, and killed at any instant it ends with the same contents."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cluster.conftest import Deployment
from tests.support import tracked_runs
from tests.support.kubernetes import wait_for

MODEL = "ecg-arrhythmia.onnxruntime-cpu"


def test_a_run_fires_by_itself_and_its_runs_artifacts_and_version_are_in_mlflow(scheduled: str, server: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(server)
    runs = tracked_runs.of_pipeline(server, scheduled)
    assert {run.data.tags["component"] for run in runs} >= {"ingest", "train_teacher", "distill", "promote", "report"}
    assert {run.info.status for run in runs} == {"FINISHED"}
    report = next(run for run in runs if run.data.tags["component"] == "report")
    assert "report" in {item.path for item in client.list_artifacts(report.info.run_id)}
    promote = next(run for run in runs if run.data.tags["component"] == "promote")
    registered = client.search_model_versions(f"name = '{MODEL}'")  # other tests' runs register too
    (version,) = [version for version in registered if version.run_id == promote.info.run_id]
    assert version.tags["verdict"] == "PASS"
    page = client.download_artifacts(promote.info.run_id, f"bundles/{version.tags['variant']}/model.onnx")
    assert Path(page).stat().st_size > 1000


def test_runs_bear_the_commit_they_came_from(deployment: Deployment, scheduled: str, server: str) -> None:
    runs = tracked_runs.of_pipeline(server, scheduled)
    assert {run.data.tags["git.commit"] for run in runs} == {deployment.commit}


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGKILL"])
def test_a_pod_killed_in_training_resumes_and_ends_with_the_same_digests(
    deployment: Deployment, scheduled: str, server: str, signal: str
) -> None:
    name = deployment.job(f"killed-by-{signal.lower()}", folder=f"/work/{signal.lower()}")
    victim = in_training(deployment, name)
    if signal == "SIGTERM":
        deployment.namespace("delete", "pod", victim, "--wait=true", "--timeout=60s")
    else:
        kill_container(deployment, victim)
    assert deployment.namespace.finish(name) == "Complete", deployment.namespace.story(name)

    runs = tracked_runs.of_pipeline(server, name)
    teachers = [run for run in runs if run.data.tags["component"] == "train_teacher"]
    assert [run.info.status for run in teachers] == ["KILLED", "FINISHED"]
    first, second = (tracked_runs.points(server, [run], "train_teacher")["train/loss"] for run in teachers)
    assert second[0][0] > 0, "the second attempt began anew"
    assert tracked_runs.digests(runs) == tracked_runs.digests(tracked_runs.of_pipeline(server, scheduled))
    print(f"{signal}: died after {len(first)} epochs, went on with epoch {second[0][0] + 1}; digests are the same")


def in_training(deployment: Deployment, job: str) -> str:
    """The pod of the job, once its teacher has left a checkpoint in the job's folder."""
    folder = next(part for part in deployment.command(job) if part.startswith("/work"))
    look = f"ls {folder}/workspace/.bedside/scratch/train_teacher-*/fit.safetensors"

    def pod() -> str | None:
        found = [pod["metadata"]["name"] for pod in deployment.namespace.job_pods(job)]
        seen = bool(found) and deployment.namespace("exec", found[-1], "--", "sh", "-c", look, check=False)
        return found[-1] if seen else None

    return wait_for("the teacher's first checkpoint", pod, 1200, lambda: deployment.namespace.story(job), pause=0.2)


def kill_container(deployment: Deployment, pod: str) -> None:
    """SIGKILL, as the kernel or a dying node does it; nobody asks first."""
    container = deployment.namespace.get("pod", pod)["status"]["containerStatuses"][0]["containerID"]
    engine, _, identity = container.partition("://")
    if engine != "docker" or not os.environ.get("DOCKER_HOST"):
        pytest.skip("a SIGKILL needs the node's own engine: set DOCKER_HOST")
    subprocess.run(["docker", "kill", "--signal=KILL", identity], check=True, capture_output=True)
