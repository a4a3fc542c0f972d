"""Parameters: frozen models, read from `file.yaml:dotted.path` or from inline JSON, refused with a path when wrong."""

import difflib
import json
import typing
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml


class Params(pydantic.BaseModel):
    """Base of every parameter model: immutable, and an unknown key is an error, never ignored."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


P = TypeVar("P", bound=Params)


class ParamsError(ValueError):
    """A parameter is unknown, missing or out of range; the message names its path and what would be valid."""


def load(model: type[P], reference: str) -> P:
    """Read `model` from `params.yaml:tasks.ecg` or from inline JSON such as `{"epochs": 3}`."""
    if reference.lstrip().startswith("{"):
        try:
            return validate(model, json.loads(reference), where="inline")
        except json.JSONDecodeError as error:
            raise ParamsError(f"inline: not JSON ({error}): {reference[:80]}") from None
    file, _, dotted = reference.partition(":")
    return validate(model, lookup(Path(file), dotted), where=reference)


def lookup(file: Path, dotted: str) -> Any:
    """The value at `dotted` in a YAML file; the error lists the keys that exist at the level where it failed."""
    if not file.is_file():
        raise ParamsError(f"{file}: no such parameter file")
    try:
        value = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise ParamsError(f"{file}: not YAML ({error})") from None
    walked = str(file)
    for key in filter(None, dotted.split(".")):
        if not isinstance(value, dict) or key not in value:
            known = ", ".join(map(str, value)) if isinstance(value, dict) else f"a {type(value).__name__}"
            raise ParamsError(f"{walked}: no key {key!r}; known: {known}")
        value, walked = value[key], f"{walked}:{key}" if ":" not in walked else f"{walked}.{key}"
    return value


def validate(model: type[P], raw: object, where: str) -> P:
    """Validate `raw`, turning every problem into one line with its path and the valid choices."""
    try:
        build = getattr(model, "build", model.model_validate)  # a family of strategies picks its member by `kind`
        return typing.cast(P, build(raw))
    except pydantic.ValidationError as error:
        lines = [_explain(model, problem, where) for problem in error.errors()]
        raise ParamsError("\n".join(lines)) from None
    except ValueError as error:
        raise ParamsError(f"{where}: {error}") from None


def _explain(model: type[Params], problem: Any, where: str) -> str:
    location, message = [str(part) for part in problem["loc"]], problem["msg"]
    path = ".".join([where if ":" in where else f"{where}:", *location]).replace(":.", ":").rstrip(":")
    if problem["type"] == "extra_forbidden":
        known = list(_fields_at(model, location[:-1]))
        close = difflib.get_close_matches(location[-1], known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return f"{path}: unknown parameter; known: {', '.join(known) or 'see the model'}{hint}"
    return f"{path}: {message.removeprefix('Value error, ')}"


def _fields_at(model: type[Params], location: list[str]) -> dict[str, Any]:
    for part in location:
        field = model.model_fields.get(part)
        nested = field.annotation if field else None
        if not (isinstance(nested, type) and issubclass(nested, Params)):
            return {}
        model = nested
    return dict(model.model_fields)
