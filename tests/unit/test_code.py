import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bedside import code

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the core with one stage that uses one family and one module."""
    shutil.copytree(ROOT / "src/bedside", tmp_path / "src/bedside", ignore=shutil.ignore_patterns("__pycache__"))
    files = {
        "components/__init__.py": "",
        "components/shrink.py": (
            "from bedside.component import component\n\ndef shrink() -> None:\n    from bedside.toys.base import Toy\n"
        ),
        "src/bedside/toys/__init__.py": "",
        "src/bedside/toys/base.py": "from bedside.helper import help\n",
        "src/bedside/toys/deep/other.py": "from . import x\n",
        "src/bedside/helper.py": "import bedside.errors\n",
        "src/bedside/stranger.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def ask(project: Path, expression: str) -> str:
    command = f"import sys; sys.path[:0] = ['src', '.']; from bedside import code; print({expression})"
    done = subprocess.run([sys.executable, "-c", command], cwd=project, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_units_are_found_through_functions_and_families_but_not_through_the_runner(project: Path) -> None:
    listed = ask(project, r"'\n'.join(str(u) for u in code.units('components.shrink'))")
    names = {str(Path(line).relative_to(project)) for line in listed.splitlines()}
    assert names == {
        "components/shrink.py",
        "src/bedside/toys",
        "src/bedside/helper.py",
        "src/bedside/errors.py",
    }


@pytest.mark.parametrize("file", ["components/shrink.py", "src/bedside/toys/deep/other.py", "src/bedside/errors.py"])
def test_the_digest_changes_with_any_source_of_the_stage(project: Path, file: str) -> None:
    before = ask(project, "code.digest('components.shrink')")
    (project / file).write_text((project / file).read_text() + "# changed\n")
    assert ask(project, "code.digest('components.shrink')") != before


@pytest.mark.parametrize("file", ["src/bedside/stranger.py", "src/bedside/component.py", "src/bedside/tracking/new.py"])
def test_the_digest_ignores_code_that_cannot_change_the_result(project: Path, file: str) -> None:
    before = ask(project, "code.digest('components.shrink')")
    with (project / file).open("a") as source:
        source.write("# changed\n")
    assert ask(project, "code.digest('components.shrink')") == before


def test_the_digest_does_not_depend_on_where_the_project_lies(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moved = tmp_path_factory.mktemp("elsewhere") / "deeper"
    shutil.copytree(project, moved, ignore=shutil.ignore_patterns("__pycache__"))
    assert ask(moved, "code.digest('components.shrink')") == ask(project, "code.digest('components.shrink')")


def test_an_unknown_module_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"components.absent"):
        code.units("components.absent")
