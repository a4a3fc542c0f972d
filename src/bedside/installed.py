"""What other installed packages add: entry points in the groups `bedside.tasks`, `bedside.targets` and so on."""

import functools
import sys
from importlib.metadata import EntryPoint, entry_points

from bedside.errors import RefusedError


def group(family: str) -> str:
    """The group of a family, by the name of its class.

    >>> group("Target"), group("Ranges")
    ('bedside.targets', 'bedside.ranges')
    """
    return f"bedside.{family.lower().removesuffix('s')}s"


def any_registered() -> bool:
    """Whether any package adds anything."""
    return any(name.startswith("bedside.") for name in entry_points().groups)


def registered(name: str) -> tuple[EntryPoint, ...]:
    """The entry points of a group; RefusedError where two distributions register the same name."""
    return _registered(name, tuple(sys.path))


@functools.cache
def _registered(name: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    del path  # what is installed follows from it
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=name):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise RefusedError(
                f"{entry.name!r} in {name} is registered by {by(other)} and by {by(entry)}; uninstall one of them"
            )
    return tuple(found.values())


def by(entry: EntryPoint) -> str:
    """The distribution that registers it, for people."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "a distribution without a name"


def unusable(entry: EntryPoint, why: object) -> RefusedError:
    """What is wrong with an entry point, and of which distribution."""
    reason = f"{type(why).__name__}: {why}" if isinstance(why, Exception) else str(why)
    return RefusedError(
        f"{entry.name!r} in {entry.group}, which {by(entry)} registers, cannot be used: {reason}; "
        "correct that package or uninstall it"
    )
