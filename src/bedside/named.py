"""The classes of the task that parameters name, wherever in them: fields that are annotated as `ClassName`."""

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from bedside.params import ClassName, Params


def named_classes(model: Params) -> Iterator[tuple[str, str]]:
    """(path, name) of every class that a model names, at any depth: ("validation.watched", "B")."""
    for name in type(model).model_fields:
        hint = typing.get_type_hints(type(model), include_extras=True)[name]
        yield from _in(getattr(model, name), hint, name)


def _in(value: Any, hint: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Params):
        yield from ((f"{path}.{inside}", name) for inside, name in named_classes(value))
    elif hint == ClassName:
        yield path, value
    elif typing.get_origin(hint) in (typing.Union, types.UnionType):
        for choice in typing.get_args(hint) if value is not None else ():
            yield from _in(value, choice, path)
    elif typing.get_origin(hint) is typing.Annotated:
        yield from _in(value, typing.get_args(hint)[0], path)
    elif isinstance(value, Mapping):
        keys, values = typing.get_args(hint) or (Any, Any)
        for key, item in value.items():
            yield from _in(key, keys, path)
            yield from _in(item, values, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        (of, *_) = typing.get_args(hint) or (Any,)
        for item in value:
            yield from _in(item, of, path)
