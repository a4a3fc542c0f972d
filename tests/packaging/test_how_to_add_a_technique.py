"""docs/how-to/add-a-technique.md, followed to the letter in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines import workspace

ROOT = workspace.ROOT
PAGE = (ROOT / "docs/how-to/add-a-technique.md").read_text()


def block(language: str) -> str:
    """The page's one code block of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def followed(folder: Path) -> Path:
    """A copy of the project, with steps 1 and 2 done."""
    workspace.lay_out(folder)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (named,) = re.findall(r"^`(components/\w+\.py)`:$", PAGE, re.MULTILINE)
    assert not (folder / named).exists()
    (folder / named).write_text(block("python"))
    params, added = (yaml.safe_load(text) for text in ((folder / "params.yaml").read_text(), block("yaml")))
    (name,) = added["variants"]
    assert name not in params["variants"]
    params["variants"] |= added["variants"]
    params["evaluated"]["variants"].append(name)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return followed(tmp_path_factory.mktemp("project"))


def run(command: str, project: Path) -> str:
    """A line of the page, run in the copy with its own sources; returns what it printed."""
    words = command.split()
    tools = {"bedside": [sys.executable, "-m", "bedside.cli"], "python": [sys.executable]}
    argv = [*tools.get(words[0], words[:1]), *words[1:]]
    environment = os.environ | workspace.environment_of(project)
    done = subprocess.run(argv, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_command_of_the_page_works_and_both_launchers_have_the_new_stage(project: Path) -> None:
    printed = {command: run(command, project) for command in block("sh").splitlines()}
    check, contract, stages, compiled = printed
    assert "can be made from their parents" in printed[check]
    assert " passed" in printed[contract]
    assert {"variant@flattened", "export@flattened"} <= set(printed[stages].split())
    ir = (project / compiled.split()[-1]).read_text()
    assert "variant@flattened" in ir
    assert re.search(r"- bedside\.stages\n +- flatten\n", ir)


def test_a_misplaced_variant_is_refused_before_anything_runs(project: Path) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["variants"]["flattened"]["parent"] = "quantized"
    wrong = project / "wrong.yaml"
    wrong.write_text(yaml.safe_dump(params))
    with pytest.raises(AssertionError, match=r"variants\.flattened\.technique: flatten takes a float network"):
        run("bedside check --params wrong.yaml", project)
