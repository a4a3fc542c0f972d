"""A laptop without any network: no publisher, no server, no remote, and still `dvc repro` completes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from benchmarks.faults.forks import last_line
from benchmarks.faults.rows import HELD, Outcome, Try, lost, row, wrong
from tests.support import pipeline

NOWHERE = "http://127.0.0.1:9"
PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE)
REFUSED = PROXIES | {"AWS_ENDPOINT_URL": NOWHERE, "MLFLOW_S3_ENDPOINT_URL": NOWHERE, "DOCKER_HOST": "tcp://127.0.0.1:9"}
KEPT = ("pruned",)  # one technique is enough to come by every stage


def profile(folder: Path) -> None:
    """Base: the smallest pipeline that has every stage."""
    tiny = yaml.safe_load(pipeline.TINY.read_text(encoding="utf-8"))
    tiny["variants"] = {name: params if name in KEPT else None for name, params in tiny["variants"].items()}
    tiny["evaluated"]["variants"] = ["teacher", *KEPT]
    (folder / "smallest.yaml").write_text(yaml.safe_dump(tiny), encoding="utf-8")
    pipeline.lay_out(folder / "workspace", folder / "smallest.yaml")


def isolated() -> list[str]:
    """A prefix that takes the network away, where this machine permits it; else the addresses alone lead nowhere."""
    command = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    permitted = (
        shutil.which("unshare") and not subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    )
    return command if permitted else []


EXPECTED = "laptop `dvc repro` still completes"
if not isolated():
    EXPECTED += " (this machine lets nobody take the network away: addresses lead nowhere instead)"


@row("every service refused", 10, EXPECTED, base=profile, limit=900)
def alone(attempt: Try) -> Outcome:
    """Another seed of the intervals each time; with the default, the tracking store is a file."""
    folder = pipeline.lay_out_again(attempt.base / "workspace", attempt.folder / "workspace")
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    params["evaluate"]["seed"] = attempt.number
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    own, log = pipeline.environment(folder) | REFUSED, attempt.folder / "repro.log"
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}"
    with log.open("wb") as output:
        command = [*isolated(), "dvc", "repro"]
        status = subprocess.run(command, cwd=folder, env=own, stdout=output, stderr=output, check=False).returncode
    if status:
        return lost(f"dvc repro ended with {status}: {last_line(log)}")
    made = {artifact.manifest["component"] for artifact in pipeline.artifacts(folder / "artifacts")}
    return HELD if {"promote", "report"} <= made else wrong(f"only {', '.join(sorted(made))} left an artifact")
