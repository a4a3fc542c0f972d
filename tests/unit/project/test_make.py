"""`bedside init`: a folder in which the pipeline knows a network and data that bedside has never seen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bedside import project
from bedside.errors import RefusedError
from bedside.project.make import make

TEMPLATE = Path(project.__file__).parent / "template"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "project"
    make(folder)
    subprocess.run([sys.executable, "example.py"], cwd=folder, check=True)
    return folder


def checked(folder: Path) -> "subprocess.CompletedProcess[str]":
    sources = Path(project.__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-m", "bedside.cli", "check"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{sources}"},
        capture_output=True,
        text=True,
        check=False,
    )


def changed(folder: Path, into: Path, path: str, value: object) -> Path:
    """A copy of the project in which one parameter is another."""
    into.mkdir()
    for file in folder.iterdir():
        (into / file.name).symlink_to(file)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    *parents, last = path.split(".")
    place = params
    for key in parents:
        place = place[key]
    place[last] = value
    (into / "params.yaml").unlink()
    (into / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return into


def test_it_holds_what_its_readme_names(made: Path) -> None:
    there = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert {"params.yaml", "dvc.yaml", "nets.py", ".gitignore", ".dvc/config", "components/adopt.py"} <= there
    assert {"pipelines/compress.py", "data/windows.csv", "weights.safetensors"} <= there
    assert "python -m bedside.stages adopt" in (made / "dvc.yaml").read_text()
    assert "src/bedside" not in (made / "dvc.yaml").read_text()


def test_every_parameter_is_valid_and_every_network_can_be_used(made: Path) -> None:
    done = checked(made)
    assert (done.returncode, "all 3 variants can be made" in done.stdout) == (0, True), done.stderr


NETS = """
from nets import Gated

class ByPlace(Gated):
    def forward(self, *inputs):
        return super().forward(*inputs)

class Pair(Gated):
    def forward(self, signal, features):
        return super().forward(signal, features), signal

class Moody(Gated):
    def forward(self, signal, features):
        return super().forward(signal if signal.mean() > 0 else -signal, features)

def nothing(**arguments):
    return arguments
"""


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("adopt.architecture.factory", "nowhere:Net", "adopt.architecture: factory: nowhere cannot be imported"),
        ("adopt.architecture.factory", "others:nothing", "returns a dict; it must return an nn.Module"),
        ("adopt.architecture.factory", "others:ByPlace", "and a window has signal, features"),
        ("adopt.architecture.factory", "others:Pair", "answers two windows with something that is a tuple"),
        ("adopt.architecture.factory", "others:Moody", "takes another path for other numbers"),
        ("adopt.architecture.arguments", {"wide": 3}, "cannot be called with {'wide': 3}"),
        ("adopt.architecture.arguments", {"classes": 3}, "answers two windows with something of shape (2, 3)"),
        ("adopt.architecture.arguments", {"channels": 2}, "cannot read windows of signal (1, 64) and features (2)"),
        ("variants.distilled.params.student.factory", "nets:Gone", "student: factory: nets has no Gone"),
        ("adopt.sha256", None, "adopt.sha256"),
    ],
)
def test_what_could_not_be_used_is_refused_before_anything_runs(
    path: str, value: object, words: str, made: Path, tmp_path: Path
) -> None:
    folder = changed(made, tmp_path / "project", path, value)
    (folder / "others.py").write_text(NETS)
    done = checked(folder)
    assert (done.returncode, words in done.stderr) == (1, True), done.stderr


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RefusedError, match="is not empty; name a folder that is not there yet"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
