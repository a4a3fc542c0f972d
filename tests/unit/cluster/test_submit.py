"""`bedside submit|schedule|status` as a person types them, in a project with a small pipeline of its own, for real:
git, the compiler's process, HTTP."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import kfp_server_api as api
import pytest

from bedside import cli
from bedside.cluster import revisions
from bedside.errors import RefusedError
from pipelines import schedule, submit
from tests.support.kubeflow_server import KubeflowServer, serving

ROOT = Path(__file__).parents[3]
# A pipeline's command line is all that submitting knows of it; this one needs no kfp, and so no seconds.
TOYS = """
import argparse, sys, yaml
from pathlib import Path
parser = argparse.ArgumentParser()
for name in ("--out", "--params", "--cluster", "--image", "--flavour"):
    parser.add_argument(name)
parser.add_argument("--data-version", action="store_true")
given = parser.parse_args()
params = yaml.safe_load(Path(given.params).read_text())
if "variants" in params:
    sys.exit("toys: variants.tiny: unknown parent 'teecher'")
takes = {"version": {}} if given.data_version else {"source": {"defaultValue": {"kind": "simulated"}}}
image = (given.image or "toys=toys:dev").partition("=")[2]
spec = {
    "pipelineInfo": {"name": "toys", "description": given.flavour or "plain"},
    "deploymentSpec": {"executors": {"exec-toy": {"container": {"image": image, "args": [params["text"]]}}}},
    "root": {"inputDefinitions": {"parameters": takes}},
}
Path(given.out).write_text(yaml.safe_dump(spec))
"""
Bedside = Callable[..., "Done"]


@pytest.fixture
def kubeflow() -> Iterator[KubeflowServer]:
    with serving() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A git repository with one commit, tagged v1, whose pipeline is called toys."""
    folder = tmp_path / "project"
    (folder / "pipelines").mkdir(parents=True)
    (folder / "docker/kubernetes").mkdir(parents=True)
    for name in (
        "pipelines/__init__.py",
        "pipelines/submit.py",
        "pipelines/schedule.py",
        "docker/kubernetes/cluster.yaml",
    ):
        (folder / name).write_text((ROOT / name).read_text())
    (folder / "pipelines/toys.py").write_text(TOYS)
    (folder / "params.yaml").write_text("text: abc\n")
    (folder / ".dvc").mkdir()
    remote = "['remote \"store\"']\nurl = s3://bucket/dvc\nendpointurl = http://s3:8333\n"
    (folder / ".dvc/config").write_text(f"[core]\nremote = store\n{remote}")
    for command in (
        ["init", "--quiet"],
        ["remote", "add", "origin", "https://git.example/bedside.git"],
        ["add", "."],
        ["-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "--quiet", "--message=first"],
        ["tag", "v1"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def bedside(
    project: Path, kubeflow: KubeflowServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bedside:
    """Runs the command in the project, against the server; in this process, which spares seconds of imports."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", kubeflow.url)
    monkeypatch.setenv("COLUMNS", "240")
    mains = {"submit": submit.main, "schedule": schedule.main}

    def run(*words: str) -> Done:
        capsys.readouterr()
        code: Any = 0
        try:
            mains[words[0]](words[1:]) if words[0] in mains else cli.main(words)
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return Done(bool(code), said.out, said.err + (code if isinstance(code, str) else ""))

    return run


def head(project: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def only(held: dict[str, Any]) -> Any:
    (found,) = held.values()
    return found


def refused(done: "Done", *told: str) -> None:
    """It failed with one message, and without a traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for one in told:
        assert one in done.stderr


def test_where_git_will_not_look_its_own_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not that the revision is unknown, or that there is no remote."""
    with pytest.raises(RefusedError, match=r"^git: not a git repository"):
        revisions.commit("main", tmp_path)
    with pytest.raises(RefusedError, match=r"^git: not a git repository"):
        revisions.data_version("main", folder=tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RefusedError, match="there is no git here"):
        revisions.commit("main", tmp_path)


def test_a_run_is_started_and_the_same_content_is_uploaded_once(bedside: Bedside, kubeflow: KubeflowServer) -> None:
    first, second = bedside("submit", "--pipeline", "toys"), bedside("submit", "--pipeline", "toys")
    assert "uploaded" in first.stdout, first.stderr
    assert "there already" in second.stdout, second.stderr
    assert only(kubeflow.experiments).display_name == "bedside"
    assert len(kubeflow.runs) == 2
    assert {one.service_account for one in kubeflow.runs.values()} == {"pipeline-runner"}
    assert only(kubeflow.versions).pipeline_spec["root"]["inputDefinitions"]["parameters"]["source"]


def test_scheduled_twice_there_is_one_recurring_run_and_another_cron_or_pipeline_replaces_it(
    bedside: Bedside, kubeflow: KubeflowServer, project: Path
) -> None:
    toys = ("schedule", "--pipeline", "toys", "--cron")
    assert "schedule bedside-toys: created" in bedside(*toys, "0 3 * * 1").stdout
    assert "schedule bedside-toys: unchanged" in bedside(*toys, "0 3 * * 1").stdout
    first = only(kubeflow.recurring)
    assert "schedule bedside-toys: replaced" in bedside(*toys, "0 4 * * 1").stdout
    assert only(kubeflow.recurring).trigger.cron_schedule.cron == "0 0 4 * * 1"
    (project / "params.yaml").write_text("text: another\n")
    assert "schedule bedside-toys: replaced" in bedside(*toys, "0 4 * * 1").stdout
    version = kubeflow.versions[only(kubeflow.recurring).pipeline_version_reference.pipeline_version_id]
    assert version.pipeline_spec["deploymentSpec"]["executors"]["exec-toy"]["container"]["args"] == ["another"]
    assert only(kubeflow.recurring).recurring_run_id != first.recurring_run_id
    assert "removed" in bedside("schedule", "--pipeline", "toys", "--remove").stdout
    assert not kubeflow.recurring


def test_a_revision_is_compiled_as_it_was(bedside: Bedside, kubeflow: KubeflowServer, project: Path) -> None:
    (project / "params.yaml").write_text("text: later\n")
    assert bedside("submit", "--pipeline", "toys", "--revision", "v1").returncode == 0
    version = only(kubeflow.versions)
    assert version.pipeline_spec["deploymentSpec"]["executors"]["exec-toy"]["container"]["args"] == ["abc"]
    assert head(project)[:12] in version.description
    assert (project / "params.yaml").read_text() == "text: later\n"
    listed = subprocess.run(["git", "worktree", "list"], cwd=project, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1  # nothing is left behind


def test_a_data_version_is_exact_when_it_is_sent(bedside: Bedside, kubeflow: KubeflowServer, project: Path) -> None:
    done = bedside("submit", "--pipeline", "toys", "--data", "v1")
    assert done.returncode == 0, done.stderr
    assert only(kubeflow.runs).runtime_config.parameters == {
        "version": {
            "repository": "https://git.example/bedside.git",
            "revision": head(project),
            "remote": "s3://bucket/dvc",
            "endpoint": "http://s3:8333",
        }
    }


def test_flags_of_the_pipelines_own_and_arguments_of_the_run_are_passed_on(
    bedside: Bedside, kubeflow: KubeflowServer
) -> None:
    done = bedside(
        "submit", "--pipeline", "toys", "--argument", 'source={"kind": "mitdb"}', "--", "--flavour", "vanilla"
    )
    assert done.returncode == 0, done.stderr
    assert only(kubeflow.runs).runtime_config.parameters == {"source": {"kind": "mitdb"}}
    assert only(kubeflow.pipelines).description == "vanilla"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["schedule", "--pipeline", "toys"], ["when? give --cron"]),
        (["schedule", "--pipeline", "toys", "--cron", "0 25 * * *"], ["cron: '25' is no hour (0-23"]),
        (["submit", "--pipeline", "toyz"], ["there is no pipeline 'toyz'"]),
        (["submit", "--pipeline", "toys", "--revision", "v9"], ["unknown git revision 'v9'; known here: ", "v1"]),
        (["submit", "--pipeline", "toys", "--revision=--all"], ["unknown git revision '--all'"]),
        (["submit", "--pipeline", "toys", "--data", "v9"], ["unknown git revision 'v9'"]),
        (
            ["submit", "--pipeline", "toys", "--data", "v1", "--remote", "stoer"],
            ["unknown DVC remote 'stoer'", "store"],
        ),
        (["submit", "--pipeline", "toys", "--remote", "store"], ["name its git revision with --data"]),
        (
            ["submit", "--pipeline", "toys", "--data", "v1", "--repository", "https://me:pass@git.example/x.git"],
            ["data version:repository: ", "it holds no user, password or token"],
        ),
        (["submit", "--pipeline", "toys", "--experiment", "exg"], ["unknown experiment 'exg'; known: none"]),
        (["submit", "--pipeline", "toys", "--argument", "sauce=1"], ["no parameter 'sauce'; it has: source"]),
        (["submit", "--pipeline", "toys", "--cluster", "none.yaml"], ["none.yaml: no such parameter file"]),
        (["submit", "--pipeline", "toys", "--endpoint", "localhost"], ["'localhost' is no address of Kubeflow"]),
        (["submit", "--pipeline", "toys", "--endpoint", "http://127.0.0.1:9"], ["http://127.0.0.1:9 does not answer"]),
    ],
)
def test_what_is_wrong_is_one_message_and_nothing_is_applied(
    bedside: Bedside, kubeflow: KubeflowServer, words: list[str], told: list[str]
) -> None:
    refused(bedside(*words), *told)
    assert not [call for call in kubeflow.calls if not call.startswith("GET")]


def test_what_the_compiler_refuses_is_told_in_its_words(
    bedside: Bedside, kubeflow: KubeflowServer, project: Path
) -> None:
    (project / "params.yaml").write_text("variants: {}\n")
    refused(bedside("submit", "--pipeline", "toys"), "submit: toys: variants.tiny: unknown parent 'teecher'")
    assert not kubeflow.calls


@pytest.fixture
def registry() -> Iterator[str]:
    """A container registry that has the image `there` alone."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200 if "/v2/bedside/there/manifests/" in self.path else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_image_that_is_not_there_is_named_before_anything_is_sent(
    bedside: Bedside, kubeflow: KubeflowServer, registry: str
) -> None:
    image = f"{registry}/bedside/gone@sha256:{'0' * 64}"
    refused(bedside("submit", "--pipeline", "toys", "--image", f"toys={image}"), f"not in its registry: {image}")
    assert not kubeflow.calls
    assert bedside("submit", "--pipeline", "toys", "--image", f"toys={registry}/bedside/there:1").returncode == 0


def test_status_tells_how_runs_stand_and_what_to_do_next(bedside: Bedside, kubeflow: KubeflowServer) -> None:
    for _ in range(3):
        bedside("submit", "--pipeline", "toys")
    bedside("schedule", "--pipeline", "toys", "--cron", "0 3 * * 1")
    done, failed, _ = kubeflow.runs.values()
    done.state, failed.state = "SUCCEEDED", "FAILED"
    task = api.V2beta1PipelineTaskDetail(display_name="prune", state="FAILED", error=api.GoogleRpcStatus(message="OOM"))
    failed.run_details = api.V2beta1RunDetails(task_details=[task])
    told = bedside("status")
    assert "schedule bedside-toys: 0 3 * * 1, on" in told.stdout, told.stderr
    lines = {
        state: line
        for line in told.stdout.splitlines()
        for state in ("SUCCEEDED", "FAILED", "PENDING")
        if state in line
    }
    assert "verdicts and the report are in MLflow" in lines["SUCCEEDED"]
    assert "prune: OOM" in lines["FAILED"]
    assert f"kubectl logs -l pipeline/runid={failed.run_id} -c main" in lines["FAILED"]
    assert "kubectl describe pods" in lines["PENDING"]


def test_status_of_an_experiment_that_is_not_there_is_refused(bedside: Bedside) -> None:
    refused(bedside("status", "--experiment", "icu"), "unknown experiment 'icu'")


def test_outside_of_a_project_submitting_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="run this in the project's folder"):
        cli.main(["submit"])


def test_as_typed_every_flag_reaches_the_pipelines_own_command(project: Path, kubeflow: KubeflowServer) -> None:
    """The command replaces itself by `python -m pipelines.submit`."""
    words = ["submit", "--pipeline", "toys", "--endpoint", kubeflow.url, "--experiment", "icu", "--new-experiment"]
    words += ["--argument", "source={}", "--", "--flavour", "vanilla"]
    done = subprocess.run(
        [sys.executable, "-m", "bedside.cli", *words],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"run {only(kubeflow.runs).run_id} started: {kubeflow.url}" in done.stdout, done.stderr
    assert only(kubeflow.experiments).display_name == "icu"
    assert only(kubeflow.pipelines).description == "vanilla"


def test_help_costs_no_heavy_import() -> None:
    code = "import sys; from bedside.cli import _parser; _parser(); print({'kfp', 'kfp_server_api'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
