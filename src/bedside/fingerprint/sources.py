"""Modules as files: where a module's source lies, and which others of the same packages it imports."""

import ast
import functools
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# They carry a stage (launch, record, report progress) and cannot change what it computes.
CARRIERS = frozenset(
    {
        "bedside.catalog",
        "bedside.component",
        "bedside.disk",
        "bedside.ending",
        "bedside.fingerprint",
        "bedside.installed",
        "bedside.scratch",
        "bedside.tracking",
    }
)
OURS = "bedside"


@dataclass(frozen=True, order=True)
class Source:
    """A module with a source file; a package is its `__init__.py` and what lies beside it that is no Python."""

    module: str
    file: Path

    @property
    def is_package(self) -> bool:
        return self.file.name == "__init__.py"

    def files(self) -> list[Path]:
        """What counts of it, sorted: templates and tables count with the package that they lie in."""
        return [self.file, *sorted(_data(self.file.parent))] if self.is_package else [self.file]

    def name_of(self, file: Path) -> str:
        """Name of one of its files from the top-level package on, whatever folder that is installed in."""
        depth = self.module.count(".") + self.is_package
        return file.relative_to(self.file.parents[depth]).as_posix()


def located(module: str) -> Source | None:
    """The source of a module, found without importing it or a package above it; None where there is none."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # a script, which is no module
        return None
    if spec is None:
        return None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    file = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for part in rest:
        file = next(filter(Path.is_file, (folder / name for folder in folders for name in _names(part))), None)
        folders = [folder / part for folder in folders]
    return Source(module, file) if file else None


@functools.cache
def closure(module: str) -> frozenset[Source]:
    """A module and all that it imports of `bedside` and of its own top-level package, and what these import."""
    name = started() if module == "__main__" else module
    if located(name) is None:
        raise ModuleNotFoundError(f"no module named {name!r}", name=name)
    todo = [source for part in _with_parents(name) if not carries(part) and (source := located(part))]
    found = set(todo)
    while todo:
        for source in imports(todo.pop()):
            if source not in found:
                found.add(source)
                todo.append(source)
    return frozenset(found)


def started() -> str:
    """The name of the module that `python -m` started, which calls itself `__main__`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else "__main__"


@functools.cache
def imports(source: Source) -> frozenset[Source]:
    """What a source imports anywhere, inside functions too, and what it names to start it as a process."""
    tops = {OURS, source.module.partition(".")[0]}
    names = {part for name in _named(source) if name.partition(".")[0] in tops for part in _with_parents(name)}
    found = (located(name) for name in names if not carries(name))
    return frozenset(one for one in found if one and one != source)


def carries(module: str) -> bool:
    return module == OURS or not CARRIERS.isdisjoint(_with_parents(module))


def tree(file: Path) -> ast.Module:
    """The parsed source."""
    return _tree(file, file.stat().st_mtime_ns)


@functools.cache
def _tree(file: Path, written: int) -> ast.Module:
    del written
    return ast.parse(file.read_text(encoding="utf-8"))


def _named(source: Source) -> Iterator[str]:
    """Dotted names that may be modules: of imports, and texts that read like one (`bedside.edge.run_once`)."""
    for node in _run(tree(source.file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(source, node)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_dotted(node.value):
            yield node.value


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker reads."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from (each for other in child.orelse for each in _run(other))
        else:
            yield from _run(child)


def _base(source: Source, node: ast.ImportFrom) -> str:
    """The package or module that names are imported from; dots count from the package that `source` is in."""
    if not node.level:
        return node.module or ""
    package = source.module.split(".") + [""] * source.is_package
    return ".".join([*package[: -node.level], *([node.module] if node.module else [])])


def _is_dotted(text: str) -> bool:
    return "." in text and all(part.isidentifier() for part in text.split("."))


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _names(module: str) -> tuple[str, str]:
    return f"{module}/__init__.py", f"{module}.py"


def _data(folder: Path) -> Iterator[Path]:
    """Files that are no Python, down to where another package begins."""
    for path in folder.iterdir():
        if path.is_dir():
            if path.name != "__pycache__" and not (path / "__init__.py").exists():
                yield from _data(path)
        elif path.suffix not in (".py", ".pyc", ".pyi", ".so"):
            yield path
