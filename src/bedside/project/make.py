"""Lay out a project that uses the installed package: the wiring as it is, a network, data and numbers to edit."""

import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import bedside
from bedside.errors import RefusedError

TEMPLATE = Path(__file__).parent / "template"
WIRING = ("dvc.yaml", ".dvcignore", "components", "pipelines", "docker/kubernetes/cluster.yaml")
SHARED = "share/bedside"  # where a wheel puts the wiring
# Sources of an installed package are no files of the project: their digests are taken in every run, within two seconds.
INSTALLED = ("      - src/bedside\n    outs:\n", "    always_changed: true\n    outs:\n")
DVC_CONFIG = "[core]\n    analytics = false\n    no_scm = true\n"


def make(folder: Path) -> None:
    """Fill a folder that is empty or not there; RefusedError for any other, and where the wiring is not installed."""
    if folder.exists() and any(folder.iterdir()):
        raise RefusedError(f"{folder} is not empty; name a folder that is not there yet")
    source = wiring()
    for name in WIRING:
        for file in _below(source / name):
            _copy(file, folder / file.relative_to(source))
    for file in _below(TEMPLATE):
        _copy(file, folder / file.relative_to(TEMPLATE).with_name(_plain(file.name)))
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text(DVC_CONFIG, encoding="utf-8")
    wired = (folder / "dvc.yaml").read_text(encoding="utf-8").replace("train_teacher", "adopt")
    (folder / "dvc.yaml").write_text(wired.replace(*INSTALLED), encoding="utf-8")


def wiring() -> Path:
    """The folder with dvc.yaml, components/ and pipelines/: of the checkout, or of the installed wheel."""
    checkout = Path(bedside.__file__).parents[2]
    if (checkout / "dvc.yaml").is_file() and (checkout / "components").is_dir():
        return checkout
    try:
        installed = files("bedside") or []
    except PackageNotFoundError:
        installed = []
    for file in installed:
        if file.as_posix().endswith(f"{SHARED}/dvc.yaml"):
            return Path(str(file.locate())).resolve().parent
    raise RefusedError("this installation of bedside has no wiring in it; install its wheel, or work in a checkout")


def _below(path: Path) -> Iterator[Path]:
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    return (file for file in found if file.is_file() and file.suffix != ".pyc")


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)


def _plain(name: str) -> str:
    """`dotgitignore` is `.gitignore`: under its own name it would be one here, too."""
    return f".{name.removeprefix('dot')}" if name.startswith("dot") else name
