"""docs/how-to/own-data.md, followed to the letter in a copy of the project."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bedside.artifacts import open_artifact
from bedside.datasets.edf import Edf
from bedside.datasets.tables.csv_files import Csv
from bedside.datasets.tables.numpy_files import Numpy
from bedside.params import validate
from bedside.tasks.base import Task
from pipelines import workspace
from tests.support.tables import write_csv

PAGE = (workspace.ROOT / "docs/how-to/own-data.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def run(command: str, project: Path) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, *command.split()[1:]]
    environment = os.environ | workspace.environment_of(project)
    return subprocess.run(argv, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, with the page's table and the page's first parameters."""
    folder = tmp_path_factory.mktemp("project")
    workspace.lay_out(folder)
    write_csv(folder / "data/windows.csv")
    write(folder, yaml.safe_load(blocks("yaml")[0]))
    return folder


def write(project: Path, params: dict[str, Any]) -> None:
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def test_the_first_try_prints_the_digest_and_then_every_command_works(project: Path) -> None:
    first, commands = blocks("sh")
    refused = run(first.strip(), project)
    assert refused.returncode == 1
    (digest,) = re.findall(r"source\.sha256: missing; data/windows\.csv has ([0-9a-f]{64})", refused.stderr)
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["source"]["sha256"] = digest
    write(project, params)
    for command in commands.splitlines():
        done = run(command, project)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert open_artifact(project / "artifacts/dataset").json("dataset.json")["outcome"]["classes"] == ["quiet", "event"]

    (named,) = re.findall(r"^`(src/\S+\.py)`:$", PAGE, re.MULTILINE)
    (project / named).write_text(blocks("python")[0])
    params["task"] = {key: value for key, value in params["task"].items() if key != "labels"} | {"kind": "fast-heart"}
    del params["source"]["label"]
    write(project, params)
    for command in commands.splitlines():
        done = run(command, project)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    counts = open_artifact(project / "artifacts/test").json("dataset.json")["splits"]["test"]["counts"]
    assert counts == {"quiet": 24, "event": 12, "unscored": 0}  # three people of twelve windows, a third of them fast


def test_the_parameters_for_edf_are_accepted() -> None:
    params = yaml.safe_load(blocks("yaml")[1])
    source = validate(Edf, params["source"], "source")
    task = validate(Task, params["task"], "task")  # type: ignore[type-abstract]
    assert task.objections(source) == []


def test_every_parameter_of_a_table_has_its_line() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`(\w+)`", "".join(rows)))
    fields = {field.alias or name for kind in (Csv, Numpy) for name, field in kind.model_fields.items()}
    assert fields - {"kind"} <= named
