"""Which source files a stage computes with, and their digest.

Granularity is one module or one sub-package of `bedside`: strategies are found at run time by `kind:`, so a package
counts whole. `dvc.yaml` lists the same units as dependencies, and a test compares the two.
"""

import ast
import functools
import hashlib
import importlib.util
from pathlib import Path

# They carry a stage (launch, record, report progress) and cannot change what it computes.
CARRIERS = frozenset(
    {
        "bedside",
        "bedside.code",
        "bedside.component",
        "bedside.disk",
        "bedside.ending",
        "bedside.progress",
        "bedside.scratch",
        "bedside.tracking",
    }
)


def units(module: str) -> frozenset[Path]:
    """Files and folders that `module` (for example `components.distill`) computes with, itself included."""
    found: set[Path] = set()
    todo, seen = [module], set(CARRIERS)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        unit = _unit(name)
        found.add(unit)
        for file in sources(unit):
            todo += _imports(file)
    return frozenset(found)


def sources(unit: Path) -> list[Path]:
    """The Python files of a unit, sorted."""
    return sorted(unit.rglob("*.py")) if unit.is_dir() else [unit]


@functools.cache
def digest(module: str) -> str:
    """sha256 over the sources of every unit of `module`; independent of where they are installed."""
    total = hashlib.sha256()
    for name, file in sorted((_place(unit, file), file) for unit in units(module) for file in sources(unit)):
        total.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _place(unit: Path, file: Path) -> str:
    """Name of a source file from its package on, whatever folder that is installed in."""
    return file.relative_to(unit.parent.parent).as_posix()


def _unit(name: str) -> Path:
    spec = importlib.util.find_spec(name)  # of `__main__` too, when it was started as `python -m`
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module named {name!r}", name=name)
    file = Path(spec.origin)
    return file.parent if file.name == "__init__.py" else file


def _imports(file: Path) -> list[str]:
    """Names of `bedside` units imported anywhere in `file`, inside functions too."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [f"{node.module}.{a.name}" for a in node.names] if node.module == "bedside" else [node.module]
    return [".".join(name.split(".")[:2]) for name in names if name.startswith("bedside.")]
