"""What an operator gets wrong: one message that names it, and applying the right thing mends it."""

import pytest

from tests.cluster.conftest import Deployment
from tests.support.kubernetes import wait_for


def test_a_missing_secret_is_named_and_making_it_mends_it(deployment: Deployment) -> None:
    assert deployment.without_secrets == 'CreateContainerConfigError: secret "bedside-mlflow" not found'
    deployment.namespace.ready("deployment", "mlflow")


@pytest.mark.usefixtures("scheduled")
def test_an_image_that_is_not_there_is_named_and_another_one_mends_it(deployment: Deployment) -> None:
    run = deployment.namespace
    deployment.job("no-image", image="bedside-train:not-there")

    def named() -> bool:
        return "bedside-train:not-there" in (run.waiting_reason(**{"job-name": "no-image"}) or "")

    wait_for("a message that names the image", named, 300, lambda: run("describe", "pods", "-l", "job-name=no-image"))
    run("delete", "job", "no-image", "--wait=true")
    assert run.finish(deployment.job("no-image")) == "Complete"


@pytest.mark.usefixtures("scheduled")
def test_an_unknown_revision_is_refused_by_name_before_anything_is_touched(deployment: Deployment) -> None:
    run = deployment.namespace
    assert run.finish(deployment.job("unknown", REVISION="v0-not-there", retries="0")) == "Failed"
    (pod,) = run.job_pods("unknown")
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 2
    (line,) = run.logs(pod["metadata"]["name"]).splitlines()
    assert "no revision 'v0-not-there'" in line
    assert run.finish(deployment.job("known")) == "Complete"


def test_an_unreachable_repository_is_named(deployment: Deployment) -> None:
    run = deployment.namespace
    job = deployment.job("unreachable", REPOSITORY="git://127.0.0.1:9/bedside.git", retries="0")
    assert run.finish(job) == "Failed"
    (pod,) = run.job_pods(job)
    (line,) = run.logs(pod["metadata"]["name"]).splitlines()
    assert "cannot fetch 'under-test' from git://127.0.0.1:9/bedside.git" in line
