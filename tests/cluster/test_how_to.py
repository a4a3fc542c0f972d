"""docs/how-to/run-on-kubernetes.md, steps 2 to 6, as a shell reads them."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cluster.conftest import ROOT, remove, served
from tests.support import bare_node, tracked_runs
from tests.support.kubernetes import Namespace, wait_for
from tests.support.service_routes import ServiceRoutes

GUIDE = ROOT / "docs/how-to/run-on-kubernetes.md"
SETTINGS = Path("docker/kubernetes/base/settings.yaml")


@dataclass(frozen=True)
class Reader:
    """Somebody with a clone, a shell, and a kubectl that reaches a cluster."""

    clone: Path
    environment: dict[str, str]

    def does(self, commands: str) -> str:
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", commands],
            cwd=self.clone,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout


def steps(number: int) -> list[str]:
    """The commands of the guide's section `number`, block by block."""
    (section,) = re.findall(rf"^## {number}\. .*?(?=^## )", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("needs a Kubernetes cluster: set KUBECONFIG")
    namespace = Namespace("bedside")
    remove(namespace)
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path / "clone"], check=True)
    tools = bare_node.shim(tmp_path / "bin")
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "BEDSIDE_CLUSTER_DISK": str(tmp_path / "disk"),
    }
    with served(tmp_path / "git") as repository, ServiceRoutes(namespace):
        _says_what_to_run(tmp_path / "clone" / SETTINGS, repository)
        yield Reader(tmp_path / "clone", environment)
    if not os.environ.get("BEDSIDE_KEEP_CLUSTER"):
        remove(namespace)


def test_who_follows_the_guide_has_a_run_a_registered_version_and_a_restored_backup(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for commands in steps(3):
        reader.does(commands)
    apply, look = steps(4)
    reader.does(apply)
    ask, forward = look.splitlines()
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", reader.does(ask).strip())
    monkeypatch.setenv("NO_PROXY", "*")
    (run,) = steps(5)
    backup, restore = steps(6)
    for commands in (run, backup, restore):
        print(reader.does(commands), file=sys.stderr)
    reader.does("kubectl -n bedside rollout status deployment/mlflow --timeout=10m")
    with subprocess.Popen(["bash", "-c", f"exec {forward}"], env=reader.environment) as forwarding:
        wait_for("MLflow on localhost", _answers, timeout=60)
        runs = tracked_runs.of_pipeline("http://localhost:5000", "pipeline-now")
        assert {run.data.tags["component"] for run in runs} >= {"train_teacher", "evaluate", "promote", "report"}
        assert {run.info.status for run in runs} == {"FINISHED"}
        forwarding.terminate()


def _says_what_to_run(settings: Path, repository: str) -> None:
    """Step 2: which repository, revision and profile; one node's worth of workers."""
    document = yaml.safe_load(settings.read_text())
    document["data"] |= {"repository": repository, "revision": "under-test", "profile": "profiles/short.yaml"}
    settings.write_text(yaml.safe_dump(document))


def _answers() -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open("http://localhost:5000/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
