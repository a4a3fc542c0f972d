"""A PostgreSQL server of this machine's own for one test: a new cluster in a folder, reached by a socket in it."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def binaries() -> Path | None:
    """Where initdb and pg_ctl are, the newest where a distribution keeps several versions; None without them."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return candidates[-1] if candidates else None


@dataclass(frozen=True)
class Postgres:
    """A server that can be stopped and started again, as often as a test needs an outage."""

    folder: Path
    bin: Path

    @property
    def url(self) -> str:
        """The password is not asked for; tests look for it where it must not appear."""
        return f"postgresql://postgres:canary-password@/postgres?host={self.folder}"

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", "--silent", "--log", self.folder / "log", "--options", self._options())

    def stop(self) -> None:
        """At once: connections break as if the machine were gone."""
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode", "immediate")

    def _options(self) -> str:
        return f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"

    def _run(self, program: str, *arguments: object) -> None:
        command = [self.bin / program, "--pgdata", self.folder / "data", *arguments]
        owner: dict[str, Any] = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        )
        subprocess.run(  # a daemon would keep a pipe of ours open
            [str(part) for part in command], check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=120, **owner
        )


@contextlib.contextmanager
def server(bin: Path) -> Iterator[Postgres]:
    """A running server; PostgreSQL refuses to run as root, so root's tests run it as the package's own user."""
    with tempfile.TemporaryDirectory(prefix="bedside-postgres-") as name:
        own = Postgres(Path(name), bin)
        if os.geteuid() == 0:
            shutil.chown(own.folder, "postgres", "postgres")
        own._run("initdb", "--username", "postgres", "--auth", "trust", "--no-sync", "--encoding", "UTF8")
        own.start()
        try:
            yield own
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # a test may have left it stopped
                own.stop()
