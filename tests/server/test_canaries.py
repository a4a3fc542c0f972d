"""Secrets and patients' data, planted where the pipeline finds them: in no byte that it leaves or says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from tests.server.conftest import ROOT, Team
from tests.support import pipeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SECRETS = {
    "MLFLOW_TRACKING_PASSWORD": "canary-mlflow-11c7",
    "AWS_ACCESS_KEY_ID": "CANARYKEYID4C2A",
    "AWS_SECRET_ACCESS_KEY": "canary-s3-secret-8e01",
    "AWS_SESSION_TOKEN": "canary-session-5a5a",
    "BEDSIDE_GIT_PASSWORD": "canary-git-77d9",
    "BEDSIDE_MIRROR": "https://reader:canary-mirror-31bb@mirror.example/mitdb?token=canary-query-90aa",
    "BEDSIDE_SEARCH_STORAGE": "postgresql://search:canary-postgres-2f2f@postgres/searches",
}
# What MIT-BIH's headers say of a person: exact age and sex, two numbers of the tape, medication.
PATIENT = ["107 F 4711 1629 x1", "Canaridin, Canaryolol"]
NEEDLES = [
    *(value.encode() for name, value in SECRETS.items() if "://" not in value),
    *re.findall(rb"canary-[a-z]+-[0-9a-f]{4}", " ".join(SECRETS.values()).encode()),
    *(line.encode() for line in PATIENT),
    b"4711 1629",
    b"Canari",
    b"Canaryol",
    ROOT[1].encode(),
]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory, team: Team) -> Path:
    """A workspace where the whole pipeline ran on headers with canaries, recorded and promoted by the deployment."""
    folder = pipeline.lay_out(tmp_path_factory.mktemp("canaries"))
    simulator = folder / "src/bedside/datasets/simulated.py"
    plain = simulator.read_text()
    planted = plain.replace('f"{age} {sex} 0 0 x1"', ", ".join(f'"{line}"' for line in PATIENT))
    assert planted != plain
    simulator.write_text(planted)
    address = team.server.uri.replace("://", f"://{ROOT[0]}:{ROOT[1]}@")
    recorded = {"MLFLOW_TRACKING_URI": address, "MLFLOW_EXPERIMENT_NAME": "canaries", "NO_PROXY": "127.0.0.1"}
    for command in (["dvc", "repro"], ["bedside.cli", "verdicts"], ["bedside.cli", "flush", "--timeout", "600"]):
        with (folder / "said.log").open("ab") as said:
            done = subprocess.run(
                [sys.executable, "-m", *command],
                cwd=folder,
                env=pipeline.environment(folder) | SECRETS | recorded,
                stdout=said,
                stderr=said,
                check=False,
            )
        assert done.returncode == 0, (folder / "said.log").read_text()[-4000:]
    return folder


def hits(folder: Path, spared: frozenset[bytes] = frozenset()) -> list[tuple[str, bytes]]:
    """Every file below `folder` that holds a canary, but for those with just the `spared` contents."""
    found = []
    for path in (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        content = path.read_bytes()
        if content not in spared:
            found += [(str(path.relative_to(folder)), needle) for needle in NEEDLES if needle in content]
    return found


def headers(folder: Path) -> frozenset[bytes]:
    """The recordings themselves hold their headers, as published: there, and in DVC's cache."""
    return frozenset(path.read_bytes() for path in (folder / "artifacts/recordings/records").glob("*.hea"))


def test_the_canaries_were_planted(left: Path) -> None:
    planted = headers(left)
    assert planted
    assert all(line.encode() in header for header in planted for line in PATIENT)
    rows = open_artifact(left / "artifacts/recordings").json("records.json")
    assert {row["age_band"] for row in rows} == {">=60"}


def test_nothing_that_the_pipeline_left_holds_one(left: Path) -> None:
    simulator = (left / "src/bedside/datasets/simulated.py").read_bytes()
    own = {path.read_bytes() for path in (left / "src/bedside/datasets/__pycache__").glob("simulated.*.pyc")}
    assert hits(left, headers(left) | {simulator} | own) == []


def test_the_tracking_server_holds_none(left: Path, team: Team) -> None:
    from mlflow import MlflowClient

    assert list((left / ".bedside/journal").glob("*.jsonl")) == []  # all of it is there
    assert hits(team.server.folder) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_USERNAME", ROOT[0])
        patch.setenv("MLFLOW_TRACKING_PASSWORD", ROOT[1])
        patch.setenv("NO_PROXY", "127.0.0.1")
        client = MlflowClient(team.server.uri)
        experiment = client.get_experiment_by_name("canaries")
        assert experiment is not None
        stored = client.search_runs([experiment.experiment_id])
    assert len(stored) > 10
    told = "\n".join(str(run.to_dictionary()) for run in stored).encode()
    assert [needle for needle in NEEDLES if needle in told] == []


def test_a_search_for_canaries_finds_them(tmp_path: Path) -> None:
    secret = SECRETS["AWS_SECRET_ACCESS_KEY"].encode()
    (tmp_path / "journal").write_bytes(os.urandom(100) + secret + os.urandom(100))
    assert hits(tmp_path) == [("journal", secret)]
    assert hits(tmp_path, frozenset([(tmp_path / "journal").read_bytes()])) == []
