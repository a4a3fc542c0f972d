"""Replaying journals into real stores: nothing is lost, nothing is doubled, nothing waits for long."""

import contextlib
import http.server
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bedside import tracking
from bedside.tracking import journal, replay
from tests.support.mlflow_store import HangingUpOnce, Server, history, runs
from tests.unit.tracking.proxy import Answer, AnsweringOnce
from tests.unit.tracking.records import PRUNE

STAGE = """
import json, sys, time
from bedside import tracking
with tracking.run('prune', json.loads(sys.argv[1])):
    for step in range(int(sys.argv[2])):
        tracking.log({'train/loss': 1 / (step + 1)}, step)
    print('logged', flush=True)
    time.sleep(float(sys.argv[3]))
"""


def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush that has time for every answer and gives up at the first error."""
    with monkeypatch.context() as patched:
        patched.setattr(replay, "RETRY", 1e6)
        tracking.flush(60)


def stage(points: int = 10, seconds: float = 0, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", STAGE, json.dumps(PRUNE), str(points), str(seconds)]
    return subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def logged(points: int = 10) -> None:
    with tracking.run("prune", PRUNE):
        for step in range(points):
            tracking.log({"train/loss": 1 / (step + 1)}, step)


def curve(points: int = 10) -> list[tuple[int, float]]:
    return [(step, 1 / (step + 1)) for step in range(points)]


def test_a_journal_becomes_one_run_with_its_parameters_metrics_pictures_and_parent(store: str) -> None:
    picture = Path("output") / "confusion.png"
    picture.parent.mkdir()
    picture.write_bytes(b"picture")
    with tracking.run("prune", PRUNE) as run:
        tracking.log({"train/loss": 0.5, "train/nan": float("nan")}, 3)
        tracking.note("What a reviewer reads first")
        run.artifacts("student", picture.parent)
    assert tracking.flush() == tracking.Flushed(runs=1, events=5, live=0)
    (stored,) = runs(store, component="prune")
    assert stored.info.status == "FINISHED"
    assert stored.data.params == {"params.ratio": "0.5", "params.schedule.steps": "3"}
    assert history(store, stored.info.run_id, "train/loss") == [(3, 0.5)]
    assert stored.data.tags["mlflow.note.content"] == "What a reviewer reads first"
    copied = Path(stored.info.artifact_uri.removeprefix("file://")) / "student" / "confusion.png"
    assert copied.read_bytes() == b"picture"
    (parent,) = [r for r in runs(store) if r.info.run_id == stored.data.tags["mlflow.parentRunId"]]
    assert parent.info.status == "FINISHED"
    assert journal.pending() == []


def test_replaying_twice_changes_nothing(store: str) -> None:
    logged()
    tracking.flush()
    done = next((journal.folder() / "replayed").glob("*.jsonl"))
    done.rename(journal.folder() / done.name)  # as if the process had been killed before it put the journal away
    tracking.flush()
    (stored,) = runs(store, component="prune")
    assert history(store, stored.info.run_id, "train/loss") == curve()


def test_a_replay_that_forgot_how_far_it_came_finds_its_run_again(store: str) -> None:
    logged()
    tracking.flush()
    done = next((journal.folder() / "replayed").glob("*.jsonl"))
    done.rename(journal.folder() / done.name)
    journal.state_of(done).unlink()
    tracking.flush()
    assert len(runs(store)) == 2  # the run and its pipeline
    (stored,) = runs(store, component="prune")
    assert history(store, stored.info.run_id, "train/loss") == curve()


def test_a_running_stage_is_replayed_so_far_and_completed_later(store: str) -> None:
    with tracking.run("prune", PRUNE):
        tracking.log({"train/loss": 1.0}, 0)
        run_id = tracking.current_run_id()
        (stored,) = runs(store, component="prune")
        assert (stored.info.run_id, stored.info.status) == (run_id, "RUNNING")
        tracking.log({"train/loss": 0.5}, 1)
    tracking.flush()
    (stored,) = runs(store, component="prune")
    assert stored.info.status == "FINISHED"
    assert history(store, run_id, "train/loss") == [(0, 1.0), (1, 0.5)]


def test_failed_and_killed_stages_say_so_and_mark_their_pipeline(store: str) -> None:
    with pytest.raises(ValueError, match="no such lead"), tracking.run("prune", PRUNE):
        raise ValueError("no such lead")
    killed = stage(seconds=60)
    assert killed.stdout is not None
    killed.stdout.readline()
    killed.kill()
    killed.communicate()
    tracking.flush()
    states = {run.info.status: run for run in runs(store, component="prune")}
    assert states["FAILED"].data.tags["error"].startswith("ValueError: no such lead")
    assert history(store, states["KILLED"].info.run_id, "train/loss") == curve()
    parents = [r for r in runs(store) if "bedside.pipeline" in r.data.tags]
    assert {parent.info.status for parent in parents} == {"FAILED", "KILLED"}


def test_what_the_store_will_never_take_does_not_block_the_rest(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    with tracking.run("prune", PRUNE):
        tracking.log({"a metric with a forbidden letter: %": 1.0})
        tracking.log({"train/loss": 0.5}, 1)
    tracking.flush()
    (stored,) = runs(store, component="prune")
    assert stored.info.status == "FINISHED"
    assert history(store, stored.info.run_id, "train/loss") == [(1, 0.5)]
    assert "forbidden letter" in capsys.readouterr().err


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def served(server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The workspace of a run whose store is that server, with an experiment of its own there."""
    request.getfixturevalue("workspace")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", request.node.name)
    return server


def recorded(server: Server, key: str) -> Any:
    (stored,) = runs(server.uri, **{"bedside.key": key})
    return stored


def test_what_a_server_itself_calls_invalid_does_not_block_the_rest(
    served: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with tracking.run("prune", PRUNE) as run:
        run.tags({"x" * 251: "yes"})
        tracking.log({"a metric with a forbidden letter: %": 1.0})
        tracking.log({"train/loss": 0.5}, 1)
    tracking.flush()
    stored = recorded(served, run.key)
    assert history(served.uri, stored.info.run_id, "train/loss") == [(1, 0.5)]
    told = capsys.readouterr().err
    assert "exceeds the maximum length" in told
    assert "forbidden letter" in told


@pytest.mark.parametrize(
    "answer",
    [
        Answer("log-batch", 400, "<html>400 Bad Request</html>"),
        Answer("log-batch", 400, '{"error_code": "400", "message": "no such backend"}'),
        Answer("log-batch", 400, '{"error_code": "BAD_REQUEST", "message": "QueuePool limit of size 5 reached"}'),
        Answer("runs/search", 200, '{"runs": 3}'),
        Answer("get-by-name", 200, '{"experiment": "please sign in"}'),
    ],
)
def test_an_answer_that_is_not_about_the_content_is_an_outage_and_loses_nothing(
    served: Server, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AnsweringOnce(served, answer) as front, tracking.run("prune", PRUNE) as run:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", front.uri)
        for step, value in curve():
            tracking.log({"train/loss": value}, step)
        with pytest.raises(tracking.TrackingError, match=f"the tracking store {front.uri} .* 1 runs wait"):
            one_try(monkeypatch)
        tracking.flush(30)
    stored = recorded(served, run.key)
    assert stored.data.params == {"params.ratio": "0.5", "params.schedule.steps": "3"}
    assert history(served.uri, stored.info.run_id, "train/loss") == curve()


@pytest.mark.parametrize("port", ["teacher", "student"])
def test_the_run_that_made_the_parent_is_named(store: str, port: str) -> None:
    with tracking.run("distill", {**PRUNE, "inputs": {"dataset": "d" * 64}}) as run:
        run.tags({"made.eeeeeeeeeeeeeeee": port})
    logged()
    tracking.flush()
    (maker,) = runs(store, component="distill")
    (made,) = runs(store, component="prune")
    assert made.data.tags["lineage.parent_run"] == maker.info.run_id


class _Broken(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(503)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(params=["refused", "silent", "5xx", "reset"])
def sick_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that refuses, never answers, fails, or hangs up."""
    if request.param == "refused":
        yield "http://127.0.0.1:9"
    elif request.param == "5xx":
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Broken) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            if request.param == "reset":
                threading.Thread(target=_hang_up, args=[listening], daemon=True).start()
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _hang_up(listening: socket.socket) -> None:
    while True:
        try:
            listening.accept()[0].close()
        except OSError:
            return


@pytest.mark.usefixtures("workspace")
def test_a_sick_server_costs_bounded_time_and_no_data(sick_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sick_server)
    logged()
    begun = time.monotonic()
    with pytest.raises(tracking.TrackingError, match=r"nothing is lost: 1 runs wait"):
        tracking.flush(timeout=1)
    assert time.monotonic() - begun < 60  # the client alone would go on for minutes
    (path,) = journal.pending()
    assert len(journal.read(path)) == 12


def test_a_server_that_comes_and_goes_between_stages_loses_and_doubles_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    logged()  # before there is a server
    with Server(workspace) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        with tracking.run("prune", PRUNE):
            for step in range(10):
                tracking.log({"train/loss": 1 / (step + 1)}, step)
                if step == 4:
                    tracking.flush(30)
                if step == 6:
                    server.kill()
        with pytest.raises(tracking.TrackingError, match="1 runs wait"):
            tracking.flush(1)
    database = f"sqlite:///{server.database}"  # the server is back: its database is what survived it
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    tracking.flush(30)
    stored = runs(database, component="prune")
    assert [run.info.status for run in stored] == ["FINISHED", "FINISHED"]
    assert [history(database, run.info.run_id, "train/loss") for run in stored] == [curve(), curve()]


@pytest.mark.slow
def test_a_server_killed_again_and_again_during_the_replay_loses_and_doubles_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(10):
        logged(300)
    with Server(workspace) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        for attempt in range(5):
            flushing = threading.Timer(0.3 + 0.4 * attempt, server.kill)
            flushing.start()
            with contextlib.suppress(tracking.TrackingError):
                one_try(monkeypatch)
            flushing.join()
            server.start()
        tracking.flush(120)
        stored = runs(server.uri, component="prune")
        assert len(stored) == 10
        for run in stored:
            assert history(server.uri, run.info.run_id, "train/loss") == curve(300)


@pytest.mark.slow
def test_a_server_that_hangs_up_at_any_one_call_is_an_outage_like_any_other(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    with Server(workspace) as server, HangingUpOnce(server) as front:
        for at in itertools.count():
            logged()
            monkeypatch.setenv("MLFLOW_TRACKING_URI", front.uri)
            front.hang_up(at)
            # The last calls only ask for runs that were made twice: the run has ended, nothing waits.
            with (
                pytest.raises(tracking.TrackingError, match="runs wait")
                if at < 3
                else contextlib.suppress(tracking.TrackingError)
            ):
                one_try(monkeypatch)
            hung_up = front.hung_up
            tracking.flush(30)
            if not hung_up:
                break
        stored = runs(server.uri, component="prune")
        assert [run.info.status for run in stored] == ["FINISHED"] * (at + 1)
        assert all(history(server.uri, run.info.run_id, "train/loss") == curve() for run in stored)
        assert at > 10


@pytest.mark.slow
def test_two_processes_flushing_at_once_double_nothing(store: str) -> None:
    for _ in range(5):
        logged()
    command = [sys.executable, "-m", "bedside.cli", "flush"]
    flushers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(3)]
    assert [process.wait() for process in flushers] == [0, 0, 0]
    for process in flushers:
        process.communicate()
    stored = runs(store, component="prune")
    assert len(stored) == 5
    assert all(history(store, run.info.run_id, "train/loss") == curve() for run in stored)


@pytest.mark.slow
def test_a_long_stage_is_visible_while_it_works_and_recorded_as_killed_when_it_is_killed(store: str) -> None:
    working = stage(seconds=120, BEDSIDE_FLUSH="background", BEDSIDE_FLUSH_AFTER="0.1")
    wait_until(lambda: [run.info.status for run in runs(store, component="prune")] == ["RUNNING"])
    working.kill()
    working.communicate()
    wait_until(lambda: [run.info.status for run in runs(store, component="prune")] == ["KILLED"])
    wait_until(lambda: journal.pending() == [])


def follower(path: Path) -> "subprocess.CompletedProcess[bytes]":
    """What a long stage starts beside itself, run to its end."""
    return subprocess.run([sys.executable, "-m", "bedside.tracking.background", path.stem], timeout=300, check=True)


@pytest.mark.slow
def test_the_follower_of_a_stage_killed_while_the_store_is_away_leaves_it_to_the_next_flush(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = stage(seconds=60)
    assert killed.stdout is not None
    killed.stdout.readline()
    killed.kill()
    killed.communicate()
    (path,) = journal.pending()
    with monkeypatch.context() as away:
        away.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        follower(path)
    assert journal.pending() == [path]
    tracking.flush()
    assert [run.info.status for run in runs(store, component="prune")] == ["KILLED"]


@pytest.mark.usefixtures("store")
def test_a_journal_that_lost_its_first_line_is_named_once_its_writer_is_gone_and_waits_for_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with tracking.run("prune", PRUNE):
        (path,) = journal.pending()
        path.write_bytes(path.read_bytes()[:20])  # as a full disk leaves it
        assert tracking.flush() == tracking.Flushed(runs=1, events=0, live=1)
        assert path.name not in capsys.readouterr().err
    assert tracking.flush() == tracking.Flushed(runs=1, events=0, live=0)
    assert f"{path} has lost its first line" in capsys.readouterr().err
    assert path.exists()


@pytest.mark.usefixtures("store")
def test_the_follower_of_a_journal_without_its_first_line_ends_with_the_stage() -> None:
    logged()
    (path,) = journal.pending()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))  # as a full disk leaves it
    follower(path)
    assert journal.pending() == [path]


def test_a_slip_in_when_to_replay_is_told_and_costs_no_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in (("", "ned"), ("_AFTER", "soon"), ("_TIMEOUT", "a minute")):
        monkeypatch.setenv(f"BEDSIDE_FLUSH{variable}", value)
    logged()
    told = capsys.readouterr().err
    assert "BEDSIDE_FLUSH='ned' is not one of background, end, off; background is taken" in told
    assert "BEDSIDE_FLUSH_AFTER='soon' is not seconds; 60.0 is taken" in told
    monkeypatch.setenv("BEDSIDE_FLUSH", "end")
    logged()
    assert "BEDSIDE_FLUSH_TIMEOUT='a minute' is not seconds; 60.0 is taken" in capsys.readouterr().err


@pytest.mark.slow
def test_a_container_flushes_at_its_end_and_a_dead_server_does_not_fail_it(store: str) -> None:
    done = stage(BEDSIDE_FLUSH="end")
    done.communicate()
    assert done.returncode == 0
    assert [run.info.status for run in runs(store, component="prune")] == ["FINISHED"]
    away = stage(BEDSIDE_FLUSH="end", BEDSIDE_FLUSH_TIMEOUT="1", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    _, errors = away.communicate()
    assert away.returncode == 0
    assert "nothing is lost: 1 runs wait" in errors


def wait_until(condition: object, timeout: float = 60) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.3)
