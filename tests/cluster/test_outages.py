"""A tracking server that restarts and one that is away for two minutes lose no metric."""

import time

from tests.cluster.conftest import Deployment
from tests.cluster.test_scheduled_runs import in_training
from tests.support import tracked_runs
from tests.support.kubernetes import wait_for

OUTAGE = 120.0  # seconds
TRAINED = ("train_teacher", "distill")


def test_a_restarted_server_and_an_outage_of_two_minutes_lose_0_metrics(
    deployment: Deployment, scheduled: str, server: str
) -> None:
    run = deployment.namespace
    name = deployment.job("outage", folder="/work/outage")
    in_training(deployment, name)
    run("delete", "pod", "-l", "app.kubernetes.io/name=mlflow", "--wait=true")
    run("scale", "deployment/mlflow", "--replicas=0")
    wait_for("the server to be gone", lambda: not run.pods(**{"app.kubernetes.io/name": "mlflow"}), 120)
    time.sleep(OUTAGE)
    run("scale", "deployment/mlflow", "--replicas=1")
    run.ready("deployment", "mlflow")
    assert run.finish(name) == "Complete", run.story(name)

    found, expected = tracked_runs.of_pipeline(server, name), tracked_runs.of_pipeline(server, scheduled)
    total = 0
    for component in TRAINED:
        points = tracked_runs.points(server, found, component)
        assert points == tracked_runs.points(server, expected, component)
        total += sum(map(len, points.values()))
    print(f"{total} points of {' and '.join(TRAINED)}: 0 lost, 0 doubled")
    assert tracked_runs.digests(found) == tracked_runs.digests(expected)
