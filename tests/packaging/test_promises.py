"""What the project promises about its own shape."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = dict(
    line.lower().replace("_", "-").split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (ROOT / folder).rglob("*.py")


def imported(file: Path) -> set[str]:
    """Names of the top-level packages that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def requirements() -> Iterator[str]:
    yield from PROJECT["project"]["dependencies"]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        yield from extra


def test_every_required_package_is_pinned() -> None:
    names = {re.split(r"[=<>!\[ ]", requirement)[0].lower().replace("_", "-") for requirement in requirements()}
    assert sorted(names - PINS.keys()) == []


def test_pins_are_plain_versions_of_any_registry() -> None:
    assert all(re.fullmatch(r"[0-9][0-9a-z.\-]*", version) for version in PINS.values()), PINS
    assert not re.search(r"file:|/|@|--", (ROOT / "constraints.txt").read_text().split("\n", 3)[3])


def test_the_tracking_server_is_not_older_than_the_first_that_refuses_foreign_hosts() -> None:
    assert tuple(int(part) for part in PINS["mlflow"].split(".")[:2]) >= (3, 17)


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("mlflow", ("src/bedside/tracking", "src/bedside/registry")),
        ("kfp", ("src/bedside/kubeflow.py", "src/bedside/kubeflow_pods.py", "pipelines")),
        ("dvc", ("src/bedside/versions", "src/bedside/running/pipeline.py")),
    ],
)
def test_a_package_is_known_in_one_place(package: str, allowed: tuple[str, ...]) -> None:
    users = {
        str(file.relative_to(ROOT)) for file in sources("src", "components", "pipelines") if package in imported(file)
    }
    assert [user for user in sorted(users) if not user.startswith(allowed or "-")] == []


def test_nothing_is_pickled() -> None:
    unsafe = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    for file in sources("src", "components", "pipelines"):
        assert not imported(file) & unsafe, file
        calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        found = [call for call in calls if ast.unparse(call.func) in {"torch.load", "torch.save"}]
        assert all("weights_only=True" in map(ast.unparse, call.keywords) for call in found), file


def test_the_library_knows_nothing_of_stages_and_pipelines() -> None:
    for file in sources("src"):
        assert not imported(file) & {"components", "pipelines", "tests"}, file


def test_no_stage_uses_another() -> None:
    for file in sources("components"):
        assert "components" not in imported(file), file
    for file in sources("src/bedside/stages"):
        assert not re.search(r"^ *(from|import) bedside\.stages\b", file.read_text(), re.MULTILINE), file


def test_there_are_at_most_fifteen_commands_and_each_says_what_it_does() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())  # type: ignore[index]  # it is there
    explained = set(re.findall(r"^([a-z-]+):.*##", text, re.MULTILINE))
    assert targets == explained
    assert len(targets) <= 15


@pytest.mark.slow
def test_the_wheel_holds_the_library_alone(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    version = PROJECT["project"]["version"]
    assert tops == {"bedside", f"bedside-{version}.dist-info", f"bedside-{version}.data"}  # data: for `bedside init`
