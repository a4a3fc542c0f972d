"""Strategies chosen by `kind:` in params.yaml and validated straight from it.

A family is a package: `base.py` holds the abstract strategy, every other module of the package, at any depth, registers
the strategies it defines. Adding one is adding one file; an installed package adds one by an entry point with the name
of its kind, in the family's group (`bedside.targets` of `Target`). The kind is a constant in the source:
bedside.fingerprint reads it. What belongs to one task alone may lie in that task's package.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Annotated, Any, ClassVar, Self, TypeVar

import pydantic
from pydantic_core import CoreSchema, core_schema

from bedside.errors import RefusedError
from bedside.installed import group, registered, unusable
from bedside.params import Params


class Plugin(Params):
    """Base of every family of strategies: fields are the parameters, one method is the behaviour."""

    kind: str
    known: ClassVar[dict[str, type["Plugin"]]]
    elsewhere: ClassVar[tuple[ModuleType, ...]] = ()  # packages beside the family's own that may hold members

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if Plugin in cls.__bases__:
            cls.known = {}
        elif isinstance(kind := cls.model_fields["kind"].default, str):
            other = cls.known.setdefault(kind, cls)
            if _name(other) != _name(cls):
                raise RefusedError(f"kind {kind!r} is both {_name(other)} and {_name(cls)}; rename one")
            cls.known[kind] = cls

    @classmethod
    def build(cls, raw: object) -> Self:
        """Turn `{"kind": ..., **parameters}` into the strategy of that kind."""
        if isinstance(raw, cls):
            return raw
        if not isinstance(raw, dict):
            raise ValueError(f"a {cls.__name__} is a mapping with a `kind`, not {raw!r}")
        family = cls.family()
        kind = raw.get("kind")
        if not isinstance(kind, str) or kind not in family:
            raise ValueError(f"unknown {cls.__name__} kind {kind!r}; known: {', '.join(sorted(family))}")
        strategy: Self = family[kind].model_validate(raw)
        return strategy

    @classmethod
    def family(cls) -> dict[str, type[Self]]:
        """All strategies of this family: of every module of the packages that may hold one, and what packages register.

        RefusedError names the distribution of an entry point that cannot be used.
        """
        for package in (importlib.import_module(cls.__module__.rpartition(".")[0]), *cls.elsewhere):
            for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
                importlib.import_module(module.name)
        for entry in registered(group(_base(cls).__name__)):
            _take(entry, cls.known)
        return cls.known  # type: ignore[return-value]  # the registry of a family holds only its own members


def _base(member: type[Plugin]) -> type[Plugin]:
    """The family of a strategy: the class that derives from `Plugin` itself."""
    return next(cls for cls in member.__mro__ if Plugin in cls.__bases__)


def _take(entry: EntryPoint, known: Mapping[str, type[Plugin]]) -> None:
    """Import what an entry point names, which has to be the module of the kind that it is called by."""
    try:
        importlib.import_module(entry.module)
    except Exception as error:
        raise unusable(entry, error) from error
    kind = known.get(entry.name)
    if kind is None or kind.__module__ != entry.module:
        where = f"it is {_name(kind)}" if kind else f"{entry.module} defines none"
        raise unusable(entry, f"an entry point is named by the kind in its module, and of kind {entry.name!r} {where}")


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


class _ByKind:
    """Tells pydantic to build a field through its family, and to write it with the fields of the member it is."""

    def __get_pydantic_core_schema__(self, source: type[Plugin], handler: pydantic.GetCoreSchemaHandler) -> CoreSchema:
        whole = core_schema.plain_serializer_function_ser_schema(lambda member: member.model_dump(mode="json"))
        return core_schema.no_info_plain_validator_function(source.build, serialization=whole)


Family = TypeVar("Family")

# `Choice[Family]`: a field that takes any member of the family by its `kind`.
Choice = Annotated[Family, _ByKind()]
