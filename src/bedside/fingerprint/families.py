"""Families of strategies, read from their sources: which modules define the members of a kind.

What `bedside.plugins` finds by importing a family is found here without torch: a member says its kind as a constant,
`kind: Literal["taylor"] = "taylor"`, and an installed package says it as the name of its entry point.
"""

import ast
import functools
import pkgutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pydantic

from bedside.fingerprint.sources import Source, closure, located, tree
from bedside.installed import group, registered

Wanted = Collection[str] | None  # kinds that count; None: every one
OWN = "torch"  # the kind of a network that a factory makes


@dataclass(frozen=True)
class Family:
    """The class that members derive from, its source, and the packages they are in: its own, and those it names."""

    name: str
    base: Source
    elsewhere: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """Where the base lies."""
        return self.base.module.rpartition(".")[0]


@dataclass(frozen=True)
class Before:
    """What the stages before one compute with: a network that one of them imports may be what it has to read.

    `settled` are kinds that whole parameters of the stage are (`target: {kind: openvino}`); of their families no other
    member comes to it.
    """

    sources: frozenset[Source] = frozenset()
    settled: frozenset[str] = frozenset()


NOTHING = Before()


def kinds(params: object) -> frozenset[str]:
    """Every `kind` that stands anywhere in parameters: models, mappings, lists; and every `factory`, `module:name`."""
    if isinstance(params, pydantic.BaseModel):
        return kinds(params.model_dump(mode="json"))
    if isinstance(params, Mapping):
        own = {params[key] for key in ("kind", "factory") if isinstance(params.get(key), str)}
        return frozenset(own).union(*map(kinds, params.values()))
    return frozenset().union(*map(kinds, params)) if isinstance(params, list | tuple) else frozenset()


def members(sources: Iterable[Source], named: Wanted, before: Before = NOTHING) -> set[Source]:
    """The members of the families among `sources` that count: of a named kind, or made by a stage before."""
    found: set[Source] = set()
    for family in {family for source in sources for family in families(source)}:
        here = _everywhere(family)
        wanted = here if named is None else named
        found |= {source for kind in wanted for source in here.get(kind, ())}
        if before.settled.isdisjoint(here):
            found |= {source for of_kind in here.values() for source in of_kind if source in before.sources}
        found |= set(_installed(family, () if named is None else named))
        found |= {
            source for kind, of_kind in here.items() if kind == OWN and found & {*of_kind} for source in _made(named)
        }
    return found


def _made(named: Wanted) -> Iterator[Source]:
    """The modules of the user's own factories: what they make computes like any network of the library."""
    for name in named or ():
        if ":" in name and (source := located(name.partition(":")[0])):
            yield source


@functools.cache
def _everywhere(family: Family) -> dict[str, tuple[Source, ...]]:
    """The sources of a family by kind: those in its packages that use its base, as other families lie there too."""
    found: dict[str, tuple[Source, ...]] = {}
    for package in (family.package, *family.elsewhere):
        for kind, sources in defined(package).items():
            if own := tuple(source for source in sources if family.base in closure(source.module)):
                found[kind] = tuple(dict.fromkeys((*found.get(kind, ()), *own)))
    return found


@functools.cache
def families(source: Source) -> tuple[Family, ...]:
    """The families whose base a source defines: classes that derive from `Plugin` itself."""
    classes = (node for node in tree(source.file).body if isinstance(node, ast.ClassDef))
    return tuple(
        Family(c.name, source, tuple(_elsewhere(source, c))) for c in classes if "Plugin" in map(ast.unparse, c.bases)
    )


def _elsewhere(source: Source, base: ast.ClassDef) -> Iterator[str]:
    """The packages in `elsewhere: ClassVar[...] = (tasks,)`, by what the source imports under these names."""
    names = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree(source.file))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in base.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "elsewhere" and node.value is not None:
            yield from (names[each.id] for each in ast.walk(node.value) if isinstance(each, ast.Name))


@functools.cache
def defined(package: str) -> dict[str, tuple[Source, ...]]:
    """The sources in a family's package by the kinds that they define."""
    found: dict[str, tuple[Source, ...]] = {}
    for source in _modules(package):
        for kind in _kinds_of(source):
            found[kind] = (*found.get(kind, ()), source)
    return found


def _modules(package: str) -> Iterator[Source]:
    """Everything directly in a package, and in the packages in it: a member may be one."""
    if (source := located(package)) is None or not source.is_package:
        return
    for module in pkgutil.iter_modules([str(source.file.parent)], f"{package}."):
        if found := located(module.name):
            yield found
            yield from _modules(module.name) if module.ispkg else ()


def _kinds_of(source: Source) -> Iterator[str]:
    for outer in (node for node in tree(source.file).body if isinstance(node, ast.ClassDef)):
        for node in outer.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            value = getattr(node, "value", None)
            if any(isinstance(t, ast.Name) and t.id == "kind" for t in targets) and isinstance(value, ast.Constant):
                yield str(value.value)


def _installed(family: Family, named: Collection[str]) -> Iterator[Source]:
    for entry in registered(group(family.name)):
        if entry.name in named and (source := located(entry.module)):
            yield source
