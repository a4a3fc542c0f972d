"""Which source files a stage computes with, and one digest over them.

Files, not packages: those that its module imports, and theirs, as the source says (no module is imported to find out),
and of each family of strategies the members that are named by `kind:` in the parameters that count. Adding a member
therefore changes no digest; editing one changes those of the stages that use it.
"""

import hashlib
from collections.abc import Iterable

from bedside.fingerprint.families import NOTHING, Before, Wanted, kinds, members
from bedside.fingerprint.sources import Source, closure, located

__all__ = ["Before", "Source", "digest", "kinds", "located", "of_any_kind", "over", "reached"]


def digest(module: str, params: object = None) -> str:
    """sha256 of the sources that `module` computes with under `params`, independent of where they are installed.

    `params`: what the stage is given, as models, mappings or lists; whatever has a `kind` in it counts.
    """
    return over(reached(module, kinds(params)))


def of_any_kind(module: str) -> str:
    """The same with every member of every family: of a stage whose parameters are only known when it runs."""
    return over(reached(module, None))


def reached(module: str, named: Wanted, before: Before = NOTHING) -> frozenset[Source]:
    """The sources of `module` where `named` kinds count (None: all), and what stages `before` it may have made."""
    found = closure(module)
    while more := members(found, named, before) - found:
        found = found.union(*(closure(source.module) for source in more))
    return found


def over(sources: Iterable[Source]) -> str:
    """sha256 over names and contents."""
    total = hashlib.sha256()
    for source in sorted(sources):
        for file in source.files():
            total.update(f"{source.name_of(file)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
