"""Every stage there is, by name: the project's own in components/, the library's, and those that packages add.

A stage is a component in a module of the same name. `python -m bedside.stages NAME` starts it, wherever it lies.
"""

import ast
import importlib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.errors import RefusedError
from bedside.fingerprint.sources import located, tree
from bedside.installed import registered, unusable

if TYPE_CHECKING:
    from bedside.component import Component

TECHNIQUES = "bedside.techniques"  # a package of the library, and the group of those that other packages add
LIBRARY = ("bedside.stages", TECHNIQUES)


def stage(name: str) -> "Component":
    """The component of that name; RefusedError where there is none, or an installed one cannot be imported."""
    module = module_of(name)
    try:
        found: Component = getattr(importlib.import_module(module), name)
    except Exception as error:
        if (entry := installed().get(name)) and entry.module == module:
            raise unusable(entry, error) from error
        raise
    return found


def module_of(name: str) -> str:
    """The module of a stage: in components/, then in the library, then in an installed package; none is imported."""
    for package in ("components", *LIBRARY):
        source = located(f"{package}.{name}")
        if source and (package != "components" or function(source.file, name)):
            return source.module  # a file in components/ that only passes on a stage of the library is not the stage
    if entry := installed().get(name):
        return entry.module
    raise RefusedError(f"no stage {name!r}; there are: {', '.join(sorted(names()))}")


def names() -> set[str]:
    """The names of all stages."""
    components = located("components")
    return {name for name, _ in files(components.file.parent if components else None)} | installed().keys()


def files(components: Path | None) -> Iterator[tuple[str, Path]]:
    """Name and file of each stage of the library, then of those in a folder of components."""
    packages = [source.file.parent for source in map(located, LIBRARY) if source]
    for folder in [*packages, *([components] if components else [])]:
        yield from ((file.stem, file) for file in sorted(folder.glob("[!_]*.py")))


def installed() -> dict[str, EntryPoint]:
    """The techniques that other packages register, by name."""
    return {entry.name: entry for entry in registered(TECHNIQUES)}


def function(file: Path, name: str) -> ast.FunctionDef | None:
    """The definition of a stage in its file."""
    functions = (node for node in tree(file).body if isinstance(node, ast.FunctionDef))
    return next((function for function in functions if function.name == name), None)
