"""The tracking server as it is deployed: started by the image's own script, with sign-in, exact hosts and origins."""

import base64
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.support.mlflow_store import QUIET, database

SCRIPT = Path(__file__).parents[2] / "docker/mlflow/tracking_server.py"
ADMIN, ADMIN_PASSWORD = "admin", "admin-password-51c0"
ORIGIN = "https://mlflow.hospital.example"
# The image's script names port and interface; click takes the last of two, so this adds ours.
_MLFLOW = '#!/bin/sh\nexec "{python}" -m mlflow "$@" --host 127.0.0.1 --port {port} --workers 1\n'


def found() -> bool:
    """Whether the server can be started here."""
    from importlib.util import find_spec

    return SCRIPT.is_file() and find_spec("flask_wtf") is not None


class AuthServer:
    """`tracking_server.py serve` on SQLite and a folder of artifacts (or any `destination`)."""

    def __init__(self, folder: Path, destination: str | None = None, **environment: str) -> None:
        self.folder, self.database = folder, database(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.uri = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self._environment = os.environ | QUIET | environment
        self._environment |= {
            "PATH": f"{self._shim()}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(folder),
            "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{self.database}",
            "MLFLOW_ARTIFACTS_DESTINATION": destination or str(folder / "mlartifacts"),
            "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{self.port}",
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ORIGIN,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "flask-secret-77aa",
            "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
            "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN_PASSWORD,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "AuthServer":
        try:
            self.start()
        except BaseException:  # Ctrl-C too: it is in a session of its own and would stay
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def start(self, timeout: float = 600) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(SCRIPT), "serve"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            assert time.monotonic() < deadline, self.log.read_text()[-4000:]
            time.sleep(0.2)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        who: tuple[str, str] | None = None,
        **headers: str,
    ) -> tuple[int, bytes]:
        """Status and body; the path goes out as it is written, dots and all."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if who:
            headers |= {"Authorization": "Basic " + base64.b64encode(":".join(who).encode()).decode()}
        if body is not None:
            headers = {"Content-Type": "application/json"} | headers
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/health")[0] == 200
        except OSError:
            return False

    def _shim(self) -> Path:
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "mlflow").write_text(_MLFLOW.format(python=shutil.which(sys.executable), port=self.port))
        (folder / "mlflow").chmod(0o755)
        return folder
