"""Everything in params.yaml, held against what the stages take, before anything runs.

Which section is for which stage stands in `sections`; a test compares it with dvc.yaml.
"""

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from bedside import lineage
from bedside.catalog import stage
from bedside.lineage import ROOT, Lineage
from bedside.named import named_classes
from bedside.params import Params, ParamsError, read_yaml, validate

if TYPE_CHECKING:
    from bedside.search.space import Step

Section = tuple[tuple[str, ...], str, str]  # the keys that lead to it, the stage that reads it, and as which parameter
NAME = re.compile(r"\w[\w-]*", re.ASCII)
NAMES = "a name of letters, digits, - and _ is needed here: folders and stages are called so"


def _distinct(names: list[str]) -> list[str]:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} is listed twice")
    return names


def _compared(names: list[str]) -> list[str]:
    if ROOT not in names:
        raise ValueError(f"{ROOT} is missing, which every variant is compared with; add it")
    return names


Names = Annotated[list[str], pydantic.Field(min_length=1), pydantic.AfterValidator(_distinct)]


class Evaluated(Params):
    """What is exported, measured, judged and offered for promotion, and on what."""

    variants: Annotated[Names, pydantic.AfterValidator(_compared)]
    targets: Names


def read(file: Path) -> dict[str, Any]:
    """The sections of a parameter file."""
    params = read_yaml(file)
    if not isinstance(params, dict):
        shown = "nothing" if params is None else f"a {type(params).__name__}"
        raise ParamsError(f"{file}: a mapping of sections is needed here, not {shown}")
    return params


def check(params: Mapping[str, Any], components: Path, where: str = "params.yaml") -> Lineage:
    """The lineage of these parameters, if every stage will take its own; ParamsError with all problems, a line each."""
    if problems := list(dict.fromkeys(_problems(params, components, where))):
        raise ParamsError("\n".join(problems))
    return lineage.check(params, components, where)


def sections(params: Mapping[str, Any]) -> Iterator[Section]:
    """Every section that a run reads; of what has not the shape to say which, nothing."""
    yield ("source",), "ingest", "source"
    yield ("validate", "recordings"), "validate", "params"
    yield ("validate", "windows"), "validate", "params"
    yield ("task",), "prepare", "task"
    teacher = lineage.maker(params)
    yield (teacher,), teacher, "params"
    for name, variant in _mapping(params, "variants").items():
        if isinstance(variant, dict):
            yield ("variants", name, "params"), str(variant.get("technique")), "params"
    yield ("export",), "export", "params"
    for target in _listed(params, "targets"):
        if target in _mapping(params, "targets"):
            yield ("targets", target), "evaluate", "target"
            yield ("budgets", target), "gate", "budget"
    yield ("evaluate",), "evaluate", "params"
    yield ("gates",), "gate", "gates"
    yield ("promote",), "promote", "params"
    yield ("report",), "report", "params"


def _problems(params: Mapping[str, Any], components: Path, where: str) -> Iterator[str]:
    accepted: dict[str, Params] = {}
    yield from _told(validate, Evaluated, params.get("evaluated"), f"{where}:evaluated")
    yield from (f"{where}:{problem}" for problem in [*_misnamed(params), *_unknown_targets(params)])
    yield from _told(lineage.check, _tree(params), components, where)
    known = lineage.techniques(components)
    for section in sections(params):
        if section[0][0] != "variants" or section[1] in known:  # the lineage tells of an unknown technique
            yield from _told(_accept, params, section, where, accepted)
    yield from (f"{where}:{objection}" for objection in _objections(params))
    yield from _unusable(params, accepted)
    if "search" in params:
        yield from _told(_accept_search, params["search"], known, f"{where}:search", accepted)
    yield from _of_other_tasks(accepted, f"{where}:task")


def _told(ask: Callable[..., object], *given: object) -> list[str]:
    try:
        ask(*given)
    except ParamsError as error:
        return str(error).splitlines()
    return []


def _accept(params: Mapping[str, Any], section: Section, where: str, accepted: dict[str, Params]) -> None:
    keys, name, parameter = section
    raw, path = value(params, keys, where), f"{where}:{'.'.join(keys)}"
    accepted[path] = validate(stage(name).models[parameter], raw, path)


def _objections(params: Mapping[str, Any]) -> list[str]:
    """What speaks against the source, and why the task cannot take what it gives, if each is accepted by itself."""
    from bedside.datasets.base import Source
    from bedside.tasks.base import Task

    try:
        task, source = Task.build(params.get("task")), Source.build(params.get("source"))
    except ValueError:  # refused by itself
        return []
    of_source = (f"source.{objection}" for objection in source.objections())
    return [*of_source, *(f"task.{objection}" for objection in task.objections(source))]


def _unusable(params: Mapping[str, Any], accepted: Mapping[str, Params]) -> Iterator[str]:
    """Networks that could not be used for this task's windows, where their shapes are known beforehand."""
    from bedside.datasets.base import Source
    from bedside.models.usable import networks, objection
    from bedside.tasks.base import Task

    try:
        task, source = Task.build(params.get("task")), Source.build(params.get("source"))
    except ValueError:  # refused by itself
        return
    if (shapes := task.shapes(source)) is None:
        return
    for where, section in accepted.items():
        for path, architecture in networks(section, where):
            if told := objection(architecture, shapes, task.outcome.classes):
                yield f"{path}: {told}"


def _accept_search(raw: object, known: Collection[str], where: str, accepted: dict[str, Params]) -> None:
    """The search's own numbers, and all that it may draw for a technique: a night of trials would find it later."""
    from bedside.search.settings import Search

    found = validate(Search, raw, where)
    accepted[where] = found
    told = (_told(_accept_step, step, known, where) for step in found.space.corners())
    if problems := list(dict.fromkeys(itertools.chain(*told))):
        raise ParamsError("\n".join(problems))


def _accept_step(step: "Step", known: Collection[str], where: str) -> None:
    path = f"{where}.space.techniques.{step.technique}"
    if step.technique not in known:
        raise ParamsError(f"{path}: unknown technique {step.technique!r}; known: {', '.join(known)}")
    validate(stage(step.technique).models["params"], step.params, path)


def _of_other_tasks(accepted: Mapping[str, Params], task: str) -> Iterator[str]:
    """Classes that the parameters name and the task does not have, where the task itself is in order."""
    from bedside.gates.limits import Gates
    from bedside.tasks.base import Task

    asked = accepted.get(task)
    if not isinstance(asked, Task):
        return
    classes = asked.outcome.classes
    for where, model in accepted.items():
        for path, name in named_classes(model):
            if name not in classes:
                yield f"{where}.{path}: no class {name!r}; the task has {', '.join(classes)}"
        if isinstance(model, Gates) and (objection := model.about_background(asked.outcome)):
            yield f"{where}.{objection}"


def value(params: Any, keys: Sequence[str], where: str = "params.yaml") -> Any:
    """What stands at these keys; ParamsError with those that are there."""
    for depth, key in enumerate(keys, start=1):
        if not isinstance(params, dict) or key not in params:
            there = ", ".join(map(str, params)) if isinstance(params, dict) else ""
            raise ParamsError(f"{where}:{'.'.join(keys[:depth])}: missing; there are: {there or 'none'}")
        params = params[key]
    return params


def _misnamed(params: Mapping[str, Any]) -> Iterator[str]:
    for section in ("variants", "targets"):
        yield from (f"{section}.{name}: {NAMES}" for name in _mapping(params, section) if not NAME.fullmatch(name))


def _unknown_targets(params: Mapping[str, Any]) -> Iterator[str]:
    known = _mapping(params, "targets")
    for name in _listed(params, "targets"):
        if name not in known:
            yield f"evaluated.targets: unknown target {name!r}; known: {', '.join(known) or 'none'}"


def _tree(params: Mapping[str, Any]) -> dict[str, Any]:
    """What the lineage is judged by, without what is refused by itself: every child would only repeat it."""
    return {
        "variants": params.get("variants"),
        "evaluated": {"variants": _listed(params, "variants")},
    }


def _mapping(params: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What is named in the section of that key; nothing where it has another shape, which is refused by itself."""
    found = params.get(key)
    return {name: value for name, value in found.items() if isinstance(name, str)} if isinstance(found, dict) else {}


def _listed(params: Mapping[str, Any], key: str) -> list[str]:
    """`evaluated.variants` or `evaluated.targets`, with the same reserve."""
    found = _mapping(params, "evaluated").get(key)
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
