"""Real tracking stores for tests: a database copied from a migrated one, and a server that can be killed."""

import http.client
import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

# Making MLflow's tables takes seconds, so once per version of MLflow, not once per test.
TEMPLATE = Path(__file__).parents[2] / "build" / f"test-mlflow-{version('mlflow')}.db"
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "NO_PROXY": "127.0.0.1"}


def database(folder: Path) -> Path:
    """A new, empty store in `folder`."""
    if not TEMPLATE.is_file():
        TEMPLATE.parent.mkdir(exist_ok=True)
        partial = TEMPLATE.with_name(f"{TEMPLATE.name}.{os.getpid()}")
        script = f"from mlflow import MlflowClient as C; C('sqlite:///{partial}').search_experiments()"
        subprocess.run([sys.executable, "-c", script], env={**os.environ, **QUIET}, check=True, capture_output=True)
        partial.rename(TEMPLATE)
    file = folder / "mlflow.db"
    shutil.copyfile(TEMPLATE, file)
    return file


class Server:
    """`mlflow server` on this machine, on a database file that survives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = database(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, timeout: float = 60) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.database}"]
        command += ["--artifacts-destination", str(self.folder / "mlartifacts")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, **QUIET}, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + timeout
        while not self.answers():
            assert time.monotonic() < deadline, (self.folder / "server.log").read_text()
            time.sleep(0.1)

    def answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.uri}/health", timeout=1):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL for the server and its workers, as a machine that loses its power would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class HangingUpOnce(http.server.ThreadingHTTPServer):
    """In front of a real server: passes every call on, but hangs up at call number `at` (from 0), if there is one."""

    daemon_threads = True

    def __init__(self, behind: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind, self.at, self.calls = behind, -1, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def hung_up(self) -> bool:
        return self.calls > self.at

    def hang_up(self, at: int) -> None:
        """Count calls anew."""
        self.at, self.calls = at, 0

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Passing(http.server.BaseHTTPRequestHandler):
    server: HangingUpOnce

    def _pass(self) -> None:
        self.server.calls += 1
        if self.server.calls == self.server.at + 1:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind.port, timeout=60)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection.request(
            self.command, self.path, body, {"Content-Type": self.headers.get("Content-Type") or "application/json"}
        )
        answer = connection.getresponse()
        text = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = _pass  # noqa: N815  (the names that http.server calls)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def runs(uri: str, **tags: str) -> list[Any]:
    """All runs in a store with these tags."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return [run for run in client.search_runs(ids) if _has(run.data.tags, tags)]


def _has(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(tags.get(name) == value for name, value in wanted.items())


def history(uri: str, run_id: str, metric: str) -> list[tuple[int, float]]:
    """(step, value) of every stored point of a metric, in order."""
    from mlflow import MlflowClient

    return sorted((point.step, point.value) for point in MlflowClient(uri).get_metric_history(run_id, metric))
