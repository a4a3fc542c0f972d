"""A store that is there and says nothing costs the time that was given for it, whatever it is that waits."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside import tracking
from bedside.tracking import journal, store
from bedside.tracking.errors import AddressError
from bedside.tracking.patience import answered, at_most
from tests.unit.tracking.records import PRUNE

GIVEN = 1.5  # seconds
SLACK = 3.0  # for a machine that is busy with other tests


@contextlib.contextmanager
def silent(every: float | None = None) -> Iterator[int]:
    """The port of a server that takes connections and never answers, or with a byte in so many seconds."""
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        taken = []
        with contextlib.suppress(OSError):  # it is closed when the test ends
            while True:
                taken.append(listener.accept()[0])
                threading.Thread(target=drip, args=(taken[-1],), daemon=True).start()

    def drip(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" if every else b"")
            while every and not ended.wait(every):
                connection.sendall(b" ")

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        ended.set()


def logged() -> None:
    with tracking.run("prune", PRUNE):
        tracking.log({"train/loss": 0.5})


@pytest.mark.parametrize("scheme", ["http", "postgresql", "postgresql+psycopg"])
@pytest.mark.parametrize("every", [None, 0.2])
def test_a_store_that_says_nothing_is_given_up_in_time(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, every: float | None
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")  # not MLflow's patience is tried here
    logged()
    store.prepare()
    with silent(every) as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://127.0.0.1:{port}/db")
        begun = time.monotonic()
        with pytest.raises(tracking.TrackingError, match=r"nothing is lost: 1 runs wait in .*"):
            tracking.flush(GIVEN)
        assert time.monotonic() - begun < GIVEN + SLACK
    assert (workspace / "home").is_dir()
    assert len(journal.pending()) == 1


def test_the_command_ends_in_time_though_a_call_still_waits(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged()
    flush = "import sys, time; from bedside.tracking import store; store.prepare(); print(time.time(), flush=True);"
    flush += f"from bedside.cli import main; main(['flush', '--timeout', '{GIVEN}'])"
    with silent() as port:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        done = subprocess.run(
            [sys.executable, "-c", flush], env=os.environ, cwd=workspace, capture_output=True, text=True, check=False
        )
    assert time.time() - float(done.stdout) < GIVEN + SLACK
    assert done.returncode == 1
    assert done.stderr.startswith("bedside: the tracking store ")
    assert len(done.stderr.splitlines()) == 1


def test_a_database_server_that_is_down_is_named_with_its_reason(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"postgresql://u:secret-word@/db?host={workspace}")
    logged()
    store.prepare()
    begun = time.monotonic()
    with pytest.raises(tracking.TrackingError, match="No such file or directory") as told:
        tracking.flush(GIVEN)
    assert time.monotonic() - begun < GIVEN + SLACK
    assert "secret-word" not in str(told.value)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("mysql+pymysql://u:secret-word@h/db", "needs the package 'pymysql', which is not installed here"),
        ("postgresql+nodriver://h/db", "is no address of a database"),
        ("postgresql://u:secret-word@h:port/db", "is no address (Port could not be cast"),
        ("http://[::1", "is no address (Invalid IPv6 URL)"),
        ("http://", "names no server"),
        ("sqlite://", "is a database in memory, which keeps nothing"),
        ("sqlite:///:memory:", "is a database in memory, which keeps nothing"),
    ],
)
def test_an_address_where_no_store_can_be_is_one_sentence_and_not_waited_for(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, uri: str, told: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    logged()
    store.prepare()
    begun = time.monotonic()
    with pytest.raises(AddressError) as error:
        tracking.flush(timeout=60)
    assert time.monotonic() - begun < SLACK
    assert told in str(error.value)
    assert "secret-word" not in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert (workspace / "home/journal").is_dir()


@pytest.mark.parametrize("place", ["folder", "text"])
def test_a_database_file_that_is_none_is_told_at_once(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (workspace / "folder").mkdir()
    (workspace / "text").write_text("no database " * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workspace}/{place}")
    logged()
    with pytest.raises(tracking.TrackingError, match=r"unable to open database file|file is not a database"):
        tracking.flush(GIVEN)


def test_an_answer_and_an_error_come_through_and_silence_is_a_timeout() -> None:
    with at_most(0.2):
        assert answered(lambda: 3) == 3
        assert answered(lambda: None) is None
        with pytest.raises(KeyError, match="missing"):
            answered(lambda: dict[str, int]()["missing"])
        with pytest.raises(TimeoutError, match=r"no answer in 0\.2 s"):
            answered(threading.Event().wait)
