"""Installed packages, as pip leaves them: a folder for sys.path with modules and a .dist-info that registers them."""

from collections.abc import Mapping
from pathlib import Path

TARGET = '''
from typing import Literal

from bedside.targets.onnxruntime import OnnxRuntime
from {package} import limits


class Board(OnnxRuntime):
    """A board that runs ONNX Runtime with as many threads as it has cores."""

    kind: Literal["{kind}"] = "{kind}"  # type: ignore[assignment]
    threads: int = limits.CORES
'''
TECHNIQUE = '''
from typing import Any, ClassVar

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.models import described, load, save
from bedside.params import Params


class {title}(Params):
    share: float = 1.0

    example: ClassVar[dict[str, Any]] = {{}}


@component(image="train", takes=("float",))
def {name}(*, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: {title}) -> Metrics:
    """The parent with every weight multiplied by `share`."""
    import torch

    network = load(parent)
    with torch.no_grad():
        for weights in network.parameters():
            weights.mul_(params.share)
    save(network, described(parent), student)
    return {{"model/share": params.share}}
'''


def install(folder: Path, name: str, modules: Mapping[str, str], **groups: Mapping[str, str]) -> Path:
    """A distribution `name` 1.0; `modules` by path, `groups` by the part of their name after `bedside.`."""
    for path, text in modules.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("".join(_section(group, entries) for group, entries in groups.items()))
    return folder


def board(folder: Path, kind: str = "board", package: str = "boardmaker") -> Path:
    """A package with a target of that kind."""
    modules = {
        f"{package}/__init__.py": "",
        f"{package}/limits.py": "CORES = 2\n",
        f"{package}/unrelated.py": "",
        f"{package}/target.py": TARGET.format(kind=kind, package=package),
    }
    return install(folder, package, modules, targets={kind: f"{package}.target"})


def technique(folder: Path, name: str = "scale") -> Path:
    """A package with a technique of that name."""
    modules = {"scaler/__init__.py": "", f"scaler/{name}.py": TECHNIQUE.format(name=name, title=name.title())}
    return install(folder, "scaler", modules, techniques={name: f"scaler.{name}:{name}"})


def _section(group: str, entries: Mapping[str, str]) -> str:
    return f"[bedside.{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
