"""Runs recorded beside a PostgreSQL database that is down, frozen and back: a flush ends in time and loses nothing."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside import tracking
from bedside.tracking import journal, store
from tests.support import postgres
from tests.support.mlflow_store import runs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(postgres.binaries() is None, reason="needs PostgreSQL's initdb and pg_ctl"),
]
GIVEN, SLACK = 5.0, 3.0  # seconds


@pytest.fixture
def database() -> Iterator[postgres.Postgres]:
    found = postgres.binaries()
    assert found is not None
    with postgres.server(found) as running:
        yield running


def test_a_flush_ends_in_time_whatever_the_database_does(
    database: postgres.Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database.url)
    with tracking.run("toy", {"component": "toy", "labels": {}, "params": {}, "inputs": {}, "code": "0"}):
        tracking.log({"loss": 0.5})
    store.prepare()
    database.stop()
    assert "No such file or directory" in failed_in_time()
    database.start()
    process = int((database.folder / "data/postmaster.pid").read_text().splitlines()[0])
    frozen = [process, *children(process)]
    for one in frozen:
        os.kill(one, signal.SIGSTOP)
    assert "no answer in" in failed_in_time()
    for one in frozen:
        os.kill(one, signal.SIGCONT)
    assert len(journal.pending()) == 1
    assert tracking.flush(timeout=120).runs == 1
    assert [run.data.metrics for run in runs(database.url, component="toy")] == [{"loss": 0.5}]


def failed_in_time() -> str:
    """What it says, in no more time than it was given."""
    begun = time.monotonic()
    with pytest.raises(tracking.TrackingError) as told:
        tracking.flush(GIVEN)
    assert time.monotonic() - begun < GIVEN + SLACK
    assert "canary-password" not in str(told.value)
    return str(told.value)


def children(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
