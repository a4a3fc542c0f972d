"""Parameters: frozen models, read from `file.yaml:dotted.path` or from inline JSON, refused with a path when wrong."""

import difflib
import json
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic
import yaml
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

# Parts of a schema that hold values and no schemas.
_VALUES = frozenset({"cls", "config", "default", "expected", "metadata", "serialization"})


def _strict(schema: Any) -> Any:
    """The schema of a model in which every number, at whatever depth, refuses what is none."""
    if isinstance(schema, list | tuple):
        return type(schema)(map(_strict, schema))
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "bool":
        return {**schema, "strict": True}
    if _takes_numbers(schema):
        check = _refuse_text_and_booleans if schema["type"] == "int" else _refuse_booleans
        return core_schema.no_info_before_validator_function(check, typing.cast(CoreSchema, schema))
    return {key: part if key in _VALUES else _strict(part) for key, part in schema.items()}


def _takes_numbers(schema: Mapping[str, Any]) -> bool:
    """Numbers, and no boolean beside them."""
    kind = schema.get("type")
    if kind == "literal":
        return not any(isinstance(value, bool) for value in schema["expected"])
    if kind == "union":
        return all(isinstance(choice, dict) and choice["type"] in ("int", "float") for choice in schema["choices"])
    return kind in ("int", "float")


def _refuse_booleans(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError(
            "not_a_number", "Input should be a number, not {given}", {"given": str(value).lower()}
        )
    return value


def _refuse_text_and_booleans(value: object) -> object:
    if isinstance(value, str):
        about = {"given": repr(value)}
        raise PydanticCustomError("not_an_integer", "Input should be a valid integer, not the text {given}", about)
    return _refuse_booleans(value)


class Params(pydantic.BaseModel):
    """Base of every parameter model: immutable, an unknown key is an error, and only a number is a number.

    `true` is no 1 and "no" is no false. Kubeflow writes 3 as 3.0, which stays a 3, and YAML takes 1e-3 for text, which
    stays a number.
    """

    # A field whose name is taken in its class bears it as an alias, in files, messages and records alike.
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: pydantic.GetCoreSchemaHandler) -> CoreSchema:
        schema: CoreSchema = _strict(handler(source))
        return schema


P = TypeVar("P", bound=Params)
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Seed = Annotated[int, pydantic.Field(ge=0, le=2**53)]  # Kubeflow writes numbers as doubles
# The name of one of the task's classes: `bedside check` holds every such name in params.yaml against the task's.
ClassName = Annotated[str, "a class of the task"]


class ParamsError(ValueError):
    """A parameter is unknown, missing or out of range; the message names its path and what would be valid."""


def load(model: type[P], reference: str) -> P:
    """Read `model` from `params.yaml:tasks.ecg` or from inline JSON such as `{"epochs": 3}`."""
    return validate(model, raw(reference), where="inline" if _is_inline(reference) else reference)


def raw(reference: str) -> Any:
    """What stands at a reference, or in inline JSON, before any model has looked at it."""
    if not _is_inline(reference):
        return lookup(*parts(reference))
    try:
        return json.loads(reference, object_pairs_hook=_without_doubles)
    except _TwiceError as error:
        raise ParamsError(f"inline: {error}; keep one") from None
    except ValueError as error:
        raise ParamsError(f"inline: not JSON ({error}): {reference[:80]}") from None


def _is_inline(reference: str) -> bool:
    return reference.lstrip().startswith("{")


def parts(reference: str) -> tuple[Path, str]:
    """The file and the path in it; the file's own name may have a colon where a path follows."""
    file, colon, dotted = reference.rpartition(":")
    return (Path(file), dotted) if colon else (Path(reference), "")


def lookup(file: Path, dotted: str) -> Any:
    """The value at `dotted` in a YAML file; the error lists the keys that exist at the level where it failed."""
    value, walked = read_yaml(file), str(file)
    for key in filter(None, dotted.split(".")):
        if not isinstance(value, dict) or key not in value:
            known = ", ".join(map(str, value)) if isinstance(value, dict) else f"a {type(value).__name__}"
            raise ParamsError(f"{walked}: no key {key!r}; known: {known}")
        value, walked = value[key], f"{walked}:{key}" if ":" not in walked else f"{walked}.{key}"
    return value


def read_yaml(file: Path) -> Any:
    """What a YAML file holds; ParamsError where it is none, or says one thing twice."""
    if not file.is_file():
        raise ParamsError(f"{file}: no such parameter file")
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise ParamsError(f"{file}: not UTF-8 ({error}); save it as UTF-8") from None
    except _TwiceError as error:
        raise ParamsError(f"{file}: {error}; keep one") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that is none
        raise ParamsError(f"{file}: not YAML ({_in_a_line(error)})") from None


def _in_a_line(error: Exception) -> str:
    """PyYAML draws a picture of several lines; what it found, and where, is one."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


class _TwiceError(ValueError):
    """One mapping has the same key twice."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, where YAML silently takes the last."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            line, name = key.start_mark.line + 1, (key.tag, str(key.value))
            if name in lines:
                raise _TwiceError(f"{key.value!r} stands twice in one place, in line {lines[name]} and in line {line}")
            lines[name] = line
        return node


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for number, (name, _) in enumerate(pairs):
        if name in dict(pairs[:number]):
            raise _TwiceError(f"{name!r} stands twice in one place")
    return dict(pairs)


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
    return {field.alias or name: field for name, field in model.model_fields.items()}
