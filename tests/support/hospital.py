"""A clone from which DVC has pushed two versions of recordings to a real S3 server, and what fetching them needs."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bedside.artifacts import open_artifact
from bedside.datasets.simulated import Simulated
from components.ingest import ingest
from tests.support.published import AUTHOR
from tests.support.s3_server import BUCKET, OWNER, S3Server

REMOTE = f"s3://{BUCKET}/dvc"
DVC_YAML = "stages:\n  ingest:\n    cmd: 'true'\n    outs: [{artifacts/recordings: {persist: true}}]\n"


@dataclass(frozen=True)
class Hospital:
    """What one clone has pushed: two versions in git, `v1` and `v2`, their bytes in S3."""

    repository: Path
    endpoint: str
    digests: Mapping[str, str]  # content digest by tag

    def version(self, **change: str) -> str:
        """The parameters of `checkout`, as a launcher passes them."""
        given = {"repository": str(self.repository), "revision": "v1", "remote": REMOTE, "endpoint": self.endpoint}
        return json.dumps(given | change)


@contextlib.contextmanager
def hospital(folder: Path) -> Iterator[Hospital]:
    """The clone and its S3 server, for as long as the block runs."""
    clone = folder / "clone"
    clone.mkdir()
    with S3Server(folder / "s3") as server:
        server.make_bucket()
        environment = os.environ | AUTHOR | OWNER.environment(server.endpoint)

        def call(*command: str) -> None:
            done = subprocess.run(command, cwd=clone, env=environment, check=False, capture_output=True, text=True)
            assert done.returncode == 0, (command, done.stdout, done.stderr)

        def dvc(*arguments: str) -> None:
            call(sys.executable, "-m", "dvc", *arguments)

        call("git", "init", "--quiet", "--initial-branch=main")
        dvc("init", "--quiet")
        dvc("remote", "add", "--default", "hospital", REMOTE)
        (clone / "dvc.yaml").write_text(DVC_YAML)
        digests = {}
        for tag, seed in {"v1": 7, "v2": 8}.items():
            source = Simulated(patients=2, seconds=15, lead_off=False, seed=seed)
            ingest(recordings=clone / "artifacts/recordings", source=source)
            digests[tag] = open_artifact(clone / "artifacts/recordings").digest
            dvc("repro", "--quiet", "--force")
            dvc("push", "--quiet")
            call("git", "add", "--all")
            call("git", "commit", "--quiet", "--message", tag)
            call("git", "tag", tag)
        yield Hospital(clone, server.endpoint, digests)
