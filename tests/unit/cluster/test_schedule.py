"""Recurring runs on a server that is built from the models of kfp_server_api."""

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bedside.cluster.schedule import Schedule, apply, remove
from bedside.cluster.server import Server, ServerError
from tests.support.kubeflow_server import KubeflowServer, serving

SPEC = """
pipelineInfo: {name: toys}
root: {inputDefinitions: {parameters: {source: {defaultValue: {kind: simulated}}}}}
"""


@pytest.fixture
def kubeflow() -> Iterator[KubeflowServer]:
    with serving() as server:
        yield server


@pytest.fixture
def server(kubeflow: KubeflowServer) -> Server:
    return Server(kubeflow.url)


@pytest.fixture
def weekly(server: Server, tmp_path: Path) -> Schedule:
    """A schedule of an uploaded version."""
    (tmp_path / "toys.yaml").write_text(SPEC)
    pipeline = server.pipeline("toys", "")
    version, _ = server.version(pipeline, "one", tmp_path / "toys.yaml", "")
    return Schedule("weekly", "0 3 * * 1", server.experiment("bedside", create=True), pipeline, version)


def only(kubeflow: KubeflowServer) -> Any:
    (found,) = kubeflow.recurring.values()
    return found


def test_a_schedule_is_created_without_catching_up_and_with_one_run_at_a_time(
    kubeflow: KubeflowServer, server: Server, weekly: Schedule
) -> None:
    assert apply(server, weekly) == "created"
    made = only(kubeflow)
    assert (made.no_catchup, made.max_concurrency, made.mode) == (True, "1", "ENABLE")
    assert made.trigger.cron_schedule.cron == "0 0 3 * * 1"  # seconds first
    assert made.pipeline_version_reference.pipeline_version_id == weekly.version


def test_applying_twice_gives_one_recurring_run(kubeflow: KubeflowServer, server: Server, weekly: Schedule) -> None:
    apply(server, weekly)
    before = only(kubeflow).recurring_run_id
    assert apply(server, weekly) == "unchanged"
    assert only(kubeflow).recurring_run_id == before


@pytest.mark.parametrize(
    "change",
    [
        {"cron": "0 4 * * 1"},
        {"parameters": {"source": {"kind": "mitdb"}}},
        {"service_account": "somebody-else"},
    ],
)
def test_what_changed_replaces_what_was_there(
    kubeflow: KubeflowServer, server: Server, weekly: Schedule, change: dict[str, Any]
) -> None:
    apply(server, weekly)
    changed = dataclasses.replace(weekly, **change)
    assert apply(server, changed) == "replaced"
    assert changed.is_that_of(only(kubeflow))
    assert only(kubeflow).mode == "ENABLE"
    assert apply(server, changed) == "unchanged"


def test_a_new_pipeline_version_replaces_the_old_one(
    kubeflow: KubeflowServer, server: Server, weekly: Schedule, tmp_path: Path
) -> None:
    apply(server, weekly)
    version, is_new = server.version(weekly.pipeline, "two", tmp_path / "toys.yaml", "")
    assert is_new
    apply(server, dataclasses.replace(weekly, version=version))
    assert only(kubeflow).pipeline_version_reference.pipeline_version_id == version


def test_a_schedule_of_another_name_is_left_alone(kubeflow: KubeflowServer, server: Server, weekly: Schedule) -> None:
    for number in range(5):  # more than fit on a page
        apply(server, dataclasses.replace(weekly, name=f"other-{number}"))
    apply(server, weekly)
    apply(server, dataclasses.replace(weekly, cron="1 1 * * *"))
    assert len(kubeflow.recurring) == 6


def test_one_that_was_switched_off_is_switched_on_again(
    kubeflow: KubeflowServer, server: Server, weekly: Schedule
) -> None:
    apply(server, weekly)
    only(kubeflow).mode = "DISABLE"
    assert apply(server, weekly) == "mended"
    assert only(kubeflow).mode == "ENABLE"


@pytest.mark.parametrize("failing", ["POST .*/recurringruns$", "DELETE .*/recurringruns/", "POST .*:enable"])
def test_cut_off_anywhere_no_two_start_runs_and_applying_again_mends_it(
    kubeflow: KubeflowServer, server: Server, weekly: Schedule, failing: str
) -> None:
    apply(server, weekly)
    changed = dataclasses.replace(weekly, cron="30 5 * * *")
    kubeflow.failing = [failing]
    with pytest.raises(ServerError, match="the database went away"):
        apply(server, changed)
    assert sum(one.mode == "ENABLE" for one in kubeflow.recurring.values()) <= 1
    kubeflow.failing = []
    apply(server, changed)
    assert changed.is_that_of(only(kubeflow))
    assert only(kubeflow).mode == "ENABLE"


def test_two_who_apply_the_same_at_once_leave_one(kubeflow: KubeflowServer, weekly: Schedule) -> None:
    both = [threading.Thread(target=apply, args=(Server(kubeflow.url), weekly)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert only(kubeflow).mode == "ENABLE"


def test_a_schedule_is_taken_away_once(kubeflow: KubeflowServer, server: Server, weekly: Schedule) -> None:
    apply(server, weekly)
    assert (remove(server, "weekly"), remove(server, "weekly")) == (1, 0)
    assert not kubeflow.recurring
