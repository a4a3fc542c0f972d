"""Workers on one PostgreSQL study: killed, frozen, cut off from the database; every trial is done, and done once."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

pytest.importorskip("optuna")  # the extra `search`
pytest.importorskip("psycopg")

from tests.support import postgres
from tests.unit.search import desk

BIN = postgres.binaries()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BIN is None, reason="needs PostgreSQL's initdb and pg_ctl")]

SECONDS, BEAT, GRACE = 0.3, 1, 15  # of a trial; between heartbeats; without one until a trial counts as lost


@pytest.fixture
def database() -> Iterator[postgres.Postgres]:
    assert BIN is not None
    with postgres.server(BIN) as running:
        yield running


def at_work(database: postgres.Postgres, trials: int, count: int, rest: float | Path = SECONDS) -> list[Popen[str]]:
    """Workers that have begun; `rest`: seconds of a trial, or the file that it waits for."""
    workers = [desk.worker(database.url, trials, rest, BEAT, GRACE) for _ in range(count)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "begun\n", worker.communicate()[1]
    return workers


def ended(workers: list[Popen[str]]) -> list[tuple[int, str]]:
    """How each worker ended, and what it said."""
    return [(worker.returncode, errors) for worker in workers for _, errors in [worker.communicate(timeout=900)]]


def opened(database: postgres.Postgres) -> Any:
    return desk.opened(database.url, None, BEAT, GRACE)


def lost(trials: list[Any]) -> int:
    """How many trials failed; each of them was queued once more, with its own parameters, and finished there."""
    assert [trial.number for trial in trials] == list(range(len(trials)))
    failed = [trial for trial in trials if trial.state.name == "FAIL"]
    again = {trial.system_attrs["failed_trial"]: trial for trial in trials if "failed_trial" in trial.system_attrs}
    assert sorted(again) == [trial.number for trial in failed]
    queued = [trial for trial in trials if "failed_trial" in trial.system_attrs]
    assert len(queued) == len(failed)  # none was queued by two workers
    assert all(again[trial.number].params == trial.params for trial in failed)
    assert {trial.state.name for trial in trials} - {"FAIL"} == {"COMPLETE"}
    return len(failed)


def test_a_killed_workers_trial_is_done_by_one_of_the_others(database: postgres.Postgres, tmp_path: Path) -> None:
    (victim,) = at_work(database, trials=200, count=1, rest=tmp_path / "never")
    others = at_work(database, trials=200, count=2)
    victim.send_signal(signal.SIGKILL)
    assert ended(others) == [(0, "")] * 2
    trials = opened(database).get_trials()
    assert lost(trials) == 1
    assert 200 <= sum(trial.state.name == "COMPLETE" for trial in trials) <= 201  # one more where both were in one
    assert victim.wait() == -signal.SIGKILL


def test_a_worker_that_was_frozen_finds_its_trial_taken_and_goes_on_with_another(
    database: postgres.Postgres, tmp_path: Path
) -> None:
    frozen = desk.worker(database.url, 6, tmp_path / "thawed", 3600, GRACE)  # one heartbeat, then none
    assert frozen.stdout is not None
    assert frozen.stdout.readline() == "begun\n"
    study = opened(database)
    desk.heard(study)  # in the trial, out of the database
    frozen.send_signal(signal.SIGSTOP)
    desk.silent_for_long(study)
    assert [trial.state.name for trial in desk.work(study, 1)] == ["FAIL", "COMPLETE"]
    (tmp_path / "thawed").touch()
    frozen.send_signal(signal.SIGCONT)
    assert ended([frozen]) == [(0, "")]
    assert lost(study.get_trials()) == 1


def test_a_worker_that_froze_in_a_transaction_holds_nobody_up(database: postgres.Postgres) -> None:
    desk.work(opened(database), 1)
    study = opened(database)
    with study._storage._backend.engine.connect() as frozen:
        frozen.exec_driver_sql("SELECT * FROM trials FOR UPDATE; SELECT * FROM studies FOR UPDATE")
        started = time.monotonic()
        assert ended([desk.worker(database.url, 3, 0, BEAT, GRACE)]) == [(0, "")]
        assert time.monotonic() - started > GRACE / 2
        frozen.invalidate()


def test_workers_without_a_database_stop_with_one_message_and_the_same_command_goes_on(
    database: postgres.Postgres, tmp_path: Path
) -> None:
    workers = at_work(database, trials=12, count=2, rest=tmp_path / "answers")
    desk.heard(opened(database), 2)
    database.stop()
    (tmp_path / "answers").touch()
    for status, said in ended(workers):
        assert status == 1
        assert said.count("\n") == 1
        assert "postgresql://postgres:***@" in said
        assert "does not answer" in said
        assert "run the same command again" in said
        assert "canary-password" not in said
    database.start()
    study = opened(database)
    before = {trial.number: trial.params for trial in study.get_trials()}
    desk.silent_for_long(study)
    assert ended([desk.worker(database.url, 12, SECONDS, BEAT, GRACE) for _ in range(2)]) == [(0, "")] * 2
    trials = study.get_trials()
    assert lost(trials) == 2
    assert all(trials[number].params == params for number, params in before.items())


def test_a_worker_that_begins_without_a_database_says_so(database: postgres.Postgres) -> None:
    database.stop()
    ((status, said),) = ended([desk.worker(database.url, 1)])
    assert (status, said.count("\n")) == (1, 1)
    assert "does not answer" in said
