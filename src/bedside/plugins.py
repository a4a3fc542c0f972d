"""Strategies chosen by `kind:` in params.yaml and validated straight from it.

A family is a package: `base.py` holds the abstract strategy, every other module of the package, at any depth, registers
the strategies it defines. Adding one is adding one file. What belongs to one task alone may lie in that task's package.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import Annotated, Any, ClassVar, Self, TypeVar

import pydantic
from pydantic_core import CoreSchema, core_schema

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
        """All strategies of this family, after importing every module of the packages that may hold one."""
        for package in (importlib.import_module(cls.__module__.rpartition(".")[0]), *cls.elsewhere):
            for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
                importlib.import_module(module.name)
        return cls.known  # type: ignore[return-value]  # the registry of a family holds only its own members


class _ByKind:
    """Tells pydantic to build a field through its family, and to write it with the fields of the member it is."""

    def __get_pydantic_core_schema__(self, source: type[Plugin], handler: pydantic.GetCoreSchemaHandler) -> CoreSchema:
        whole = core_schema.plain_serializer_function_ser_schema(lambda member: member.model_dump(mode="json"))
        return core_schema.no_info_plain_validator_function(source.build, serialization=whole)


Family = TypeVar("Family")

# `Choice[Family]`: a field that takes any member of the family by its `kind`.
Choice = Annotated[Family, _ByKind()]
