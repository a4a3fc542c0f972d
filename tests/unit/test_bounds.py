"""Every number that a person can write into a parameter file has bounds, in every model there is or will be."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import bedside
import components
import pipelines
from bedside.params import Params

# Any number makes sense here: a bias, and the ends of a range that the search draws from.
FREE = {"TrainTeacher.operating_point", "Between.low", "Between.high", "Between.begin"}
BOUNDS = {"ge", "gt", "le", "lt"}


def models() -> list[type[Params]]:
    for package in (bedside, components, pipelines):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    return sorted(_below(Params), key=lambda model: model.__qualname__)


def _below(model: type[Params]) -> Iterator[type[Params]]:
    for child in model.__subclasses__():
        if child.__module__.partition(".")[0] != "tests":
            yield child
            yield from _below(child)


def numbers(schema: Any) -> Iterator[dict[str, Any]]:
    """The schemas of the numbers of a field; those of a model within it are that model's own."""
    if isinstance(schema, list | tuple):
        for part in schema:
            yield from numbers(part)
    elif isinstance(schema, dict) and schema.get("type") != "model":
        if schema.get("type") in ("int", "float"):
            yield schema
        for key, part in schema.items():
            yield from numbers(part) if key not in ("default", "metadata", "serialization") else ()


def fields_of(schema: Any) -> dict[str, Any]:
    """The fields of a model, which stand beneath its validators."""
    while schema["type"] != "model-fields":
        schema = schema["schema"]
    fields: dict[str, Any] = schema["fields"]
    return fields


def test_every_number_of_every_parameter_model_has_bounds() -> None:
    found = {
        f"{model.__name__}.{name}": list(numbers(field))
        for model in models()
        for name, field in fields_of(model.__pydantic_core_schema__).items()
    }
    assert len([name for name, inside in found.items() if inside]) > 50
    unbounded = {name for name, inside in found.items() if any(not BOUNDS & set(number) for number in inside)}
    assert unbounded == FREE


def test_no_model_is_read_laxer_than_its_base() -> None:
    settings = {(model.model_config["extra"], model.model_config["allow_inf_nan"]) for model in models()}
    assert settings == {("forbid", False)}
