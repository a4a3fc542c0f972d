"""What stands between a client and a real tracking server and may be slow, answer 503, or break connections."""

import http.client
import http.server
import os
import signal
import socket
import struct
import time
from pathlib import Path

from benchmarks.faults.forks import Process, forked
from tests.support.mlflow_store import Server

SLOW = 0.5  # seconds before each answer
RESET = struct.pack("ii", 1, 0)  # linger for no time: a close becomes a reset


class Front:
    """Passes calls on in a process of its own; `fault` sets what happens to those from a certain one on."""

    def __init__(self, behind: Server, folder: Path) -> None:
        self.behind, self._told, self._calls = behind, folder / "fault", folder / "calls"
        self._server = _Listening(("127.0.0.1", 0), _Passing)
        self._server.behind, self._server.told, self._server.calls = behind.port, self._told, self._calls
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        self._process: Process = forked(self._server.serve_forever, log=folder / "front.log")
        self._server.server_close()

    def fault(self, kind: str, after: int = 0) -> None:
        """From that many further calls on, every call meets this fault."""
        self._told.write_text(f"{kind} {self.calls + after}", encoding="utf-8")

    def heal(self) -> None:
        self._told.unlink(missing_ok=True)

    @property
    def calls(self) -> int:
        """How many calls came."""
        return self._calls.stat().st_size if self._calls.exists() else 0

    def close(self) -> None:
        self._process.kill()
        self._process.join()


class _Listening(http.server.ThreadingHTTPServer):
    daemon_threads = True
    behind: int
    told: Path
    calls: Path

    def kind(self) -> str:
        """What this call meets; counts it."""
        with self.calls.open("ab") as file:
            file.write(b".")
        kind, _, first = self.told.read_text(encoding="utf-8").partition(" ") if self.told.exists() else ("", "", "")
        return kind if kind and self.calls.stat().st_size > int(first) else ""


class _Passing(http.server.BaseHTTPRequestHandler):
    server: _Listening

    def _pass(self) -> None:
        kind = self.server.kind()
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.close_connection = True
            return
        if kind == "slow":
            time.sleep(SLOW)
        status, body = (503, b"try later") if kind == "5xx" else self._asked()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _asked(self) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=300)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = {"Content-Type": self.headers.get("Content-Type") or "application/json"}
        try:
            connection.request(self.command, self.path, body, kind)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 502, b"nobody answers"

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815  (the names that http.server calls)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class WarmServer(Server):
    """MLflow's own server app, as `mlflow server --workers 1` runs it, in a process that is forked from a warm one."""

    _forked: Process | None = None

    def start(self, timeout: float = 60) -> None:
        self._forked = forked(_serve, self, log=self.folder / "server.log")
        deadline = time.monotonic() + timeout
        while not self.answers():
            assert time.monotonic() < deadline, (self.folder / "server.log").read_text(encoding="utf-8")
            time.sleep(0.05)

    @property
    def is_there(self) -> bool:
        return self._forked is not None

    def kill(self) -> None:
        if self._forked is not None:
            self._forked.kill()
            self._forked.join()
            self._forked = None

    def send(self, number: signal.Signals) -> None:
        """SIGSTOP: it is still there, connections open, and nobody answers; SIGCONT: it goes on."""
        if self._forked is not None and self._forked.pid:
            os.kill(self._forked.pid, number)


def _serve(server: WarmServer) -> None:
    import uvicorn
    from mlflow.server import constants

    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: f"sqlite:///{server.database}",
        constants.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
        constants.ARTIFACTS_DESTINATION_ENV_VAR: str(server.folder / "mlartifacts"),
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    uvicorn.run("mlflow.server.fastapi_app:app", host="127.0.0.1", port=server.port, log_level="warning")
