import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bedside import fingerprint
from bedside.fingerprint.families import defined
from bedside.fingerprint.sources import closure

ROOT = Path(__file__).parents[3]
FILES = {
    "components/__init__.py": "",
    "components/shrink.py": (
        "from typing import TYPE_CHECKING\n"
        "from bedside.component import component\n"
        "from bedside.plugins import Plugin\n"
        "if TYPE_CHECKING:\n    import bedside.stranger\n\n"
        "PROCESS = 'bedside.process.alone'\n\n"
        "def shrink() -> None:\n    from bedside.toys import base\n"
    ),
    "src/bedside/toys/__init__.py": "",
    "src/bedside/toys/base.py": (
        "from bedside.helper import help\nfrom bedside.plugins import Plugin\n\nclass Toy(Plugin):\n    pass\n"
    ),
    "src/bedside/toys/ball.py": "from .base import Toy\n\nclass Ball(Toy):\n    kind: Literal['ball'] = 'ball'\n",
    "src/bedside/toys/kite.py": (
        "from bedside.toys.base import Toy\nfrom . import wind\n\n"
        "class Kite(Toy):\n    kind: Literal['kite'] = 'kite'\n"
    ),
    "src/bedside/toys/wind.py": "",
    "src/bedside/toys/rules.txt": "no rules",
    "src/bedside/toys/pages/rules.html": "no rules",
    "src/bedside/helper.py": "import bedside.errors\n",
    "src/bedside/process/__init__.py": "",
    "src/bedside/process/alone.py": "",
    "src/bedside/stranger.py": "",
}
ALWAYS = {
    "components/__init__.py",
    "components/shrink.py",
    "bedside/errors.py",
    "bedside/helper.py",
    "bedside/params.py",
    "bedside/plugins.py",
    "bedside/process/__init__.py",
    "bedside/process/alone.py",
    "bedside/toys/__init__.py",
    "bedside/toys/base.py",
    "bedside/toys/pages/rules.html",
    "bedside/toys/rules.txt",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the core with one stage that uses one family and one module."""
    shutil.copytree(ROOT / "src/bedside", tmp_path / "src/bedside", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def ask(project: Path, expression: str) -> str:
    command = f"from bedside.fingerprint import *; from bedside.fingerprint import reached; print({expression})"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(project / "src"), str(project)])}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def names(project: Path, kinds: str) -> set[str]:
    listed = f"'\\n'.join(s.name_of(f) for s in reached('components.shrink', {kinds}) for f in s.files())"
    return set(ask(project, listed).splitlines())


def digest(project: Path, params: str = "{'toy': {'kind': 'kite'}}") -> str:
    return ask(project, f"digest('components.shrink', {params})")


def test_files_are_found_through_functions_and_names_of_processes_and_not_through_the_runner(project: Path) -> None:
    assert names(project, "[]") == ALWAYS


def test_of_a_family_only_the_members_of_the_named_kinds_count_with_what_they_import(project: Path) -> None:
    assert names(project, "['ball']") == ALWAYS | {"bedside/toys/ball.py"}
    assert names(project, "['kite']") == ALWAYS | {"bedside/toys/kite.py", "bedside/toys/wind.py"}
    assert names(project, "None") == names(project, "['kite', 'ball']")


@pytest.mark.parametrize(
    "file",
    [
        "components/shrink.py",
        "src/bedside/toys/kite.py",
        "src/bedside/toys/wind.py",
        "src/bedside/toys/pages/rules.html",
        "src/bedside/errors.py",
    ],
)
def test_the_digest_changes_with_any_source_of_the_stage(project: Path, file: str) -> None:
    before = digest(project)
    (project / file).write_text((project / file).read_text() + "# changed\n")
    assert digest(project) != before


@pytest.mark.parametrize(
    "file",
    [
        "src/bedside/stranger.py",
        "src/bedside/component.py",
        "src/bedside/tracking/new.py",
        "src/bedside/toys/ball.py",
        "src/bedside/toys/new.py",
        "src/bedside/toys/__pycache__/kite.cpython-311.pyc",
    ],
)
def test_the_digest_ignores_code_that_cannot_change_the_result(project: Path, file: str) -> None:
    before = digest(project)
    (project / file).parent.mkdir(exist_ok=True)
    with (project / file).open("a") as source:
        source.write("# changed\n")
    assert digest(project) == before


def test_a_kind_counts_wherever_in_the_parameters_it_stands(project: Path) -> None:
    nested = "[{'box': [{'toys': ({'kind': 'kite'},)}]}]"
    assert digest(project, nested) == digest(project)
    assert digest(project, "{'kind': 'ball'}") != digest(project)
    assert digest(project, "{'kind': 'unknown'}") == digest(project, "None")


def test_the_digest_does_not_depend_on_where_the_project_lies(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moved = tmp_path_factory.mktemp("elsewhere") / "deeper"
    shutil.copytree(project, moved, ignore=shutil.ignore_patterns("__pycache__"))
    assert digest(moved) == digest(project)


def test_nothing_is_imported_to_find_out(project: Path) -> None:
    (project / "src/bedside/toys/__init__.py").write_text("raise RuntimeError('imported')\n")
    assert len(digest(project)) == 64


def test_an_unknown_module_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"components.absent"):
        fingerprint.digest("components.absent")


def test_no_family_imports_its_members_so_that_each_counts_only_where_it_is_named() -> None:
    for base in sorted((ROOT / "src/bedside").rglob("base.py")):
        package = ".".join(base.relative_to(ROOT / "src").parent.parts)
        members = {source for of_kind in defined(package).values() for source in of_kind}
        assert not members & closure(f"{package}.base"), package
