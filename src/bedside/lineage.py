"""The lineage tree: a variant is a parent and a technique; the tree is data in params.yaml.

`check` judges it before anything runs. What a technique takes and gives stands in its own file, beside its function:

    @component(image="train", takes=("float",), gives="quantized")

These are forms of networks (`bedside.models.forms`): float, quantized, two_step; what a technique can do with the
layers of a float one shows on the network itself. `gives` may be `{parent}`, the form that came in. The words are read
from the source, so that a check costs no import of torch. Where techniques lie is bedside.catalog's matter.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pydantic

from bedside import catalog
from bedside.fingerprint.sources import located
from bedside.installed import unusable
from bedside.params import Params, ParamsError, validate

ROOT = "teacher"
TEACHERS = ("train_teacher", "adopt")  # the stages that can make it
PORTS = ("dataset", "teacher", "parent", "student")  # a component with these is a technique


def maker(params: Mapping[str, Any]) -> str:
    """The stage that makes the teacher: the one that has a section. ParamsError where both have one."""
    found = [stage for stage in TEACHERS if stage in params]
    if len(found) > 1:
        raise ParamsError(f"params.yaml: {' and '.join(found)} would each make the teacher; keep one section of them")
    return found[0] if found else TEACHERS[0]


class Variant(Params):
    """One node: `technique` names the component that makes it from `parent`; `params` are that component's."""

    parent: str
    technique: str
    params: dict[str, Any] = pydantic.Field(default_factory=dict)


class Lineage(Params):
    """All variants of a pipeline, checked before anything runs."""

    variants: dict[str, Variant]

    @pydantic.model_validator(mode="after")
    def _is_a_tree(self) -> "Lineage":
        if ROOT in self.variants:
            raise ValueError(
                f"variants.{ROOT}: the root is made by train_teacher or adopt; give this variant another name"
            )
        for name in self.variants:
            self.path(name)
        return self

    def path(self, name: str) -> list[str]:
        """The variants from the teacher down to `name`."""
        walked: list[str] = [name]
        while walked[0] != ROOT:
            variant = self.variants.get(walked[0])
            if variant is None:
                raise ValueError(
                    f"variants.{walked[1]}: unknown parent {walked[0]!r}; known: {ROOT}, {', '.join(self.variants)}"
                )
            if variant.parent in walked:
                raise ValueError(f"variants.{walked[0]}: goes in a circle: {' <- '.join([variant.parent, *walked])}")
            walked.insert(0, variant.parent)
        return walked

    def order(self) -> list[str]:
        """Variants so that every parent comes before its children."""
        return sorted(self.variants, key=lambda name: len(self.path(name)))


@dataclass(frozen=True)
class Technique:
    """Which forms of networks it takes (none named: any), and which it gives (see the module)."""

    takes: tuple[str, ...] = ()
    gives: str = "{parent}"


def techniques(components: Path) -> dict[str, Technique]:
    """Every technique by name: in a folder of components, in the library, in installed packages.

    RefusedError where a package registers one that its module does not define, or whose name is taken.
    """
    here = {name: found for name, file in catalog.files(components) if (found := _declared(file, name))}
    for name, entry in catalog.installed().items():
        if name in here:
            raise unusable(entry, f"there is a technique {name!r} here already")
        here[name] = _installed(name, entry)
    return dict(sorted(here.items()))


def _declared(file: Path, name: str) -> Technique | None:
    """What a file's stage declares, if it is a technique: the function of that name, with the ports."""
    node = catalog.function(file, name)
    if node is None or not {argument.arg for argument in node.args.kwonlyargs} >= set(PORTS):
        return None
    calls = (one for one in node.decorator_list if isinstance(one, ast.Call))
    words = {word.arg: word.value for call in calls for word in call.keywords}
    return Technique(**{name: ast.literal_eval(words[name]) for name in ("takes", "gives") if name in words})


def _installed(name: str, entry: EntryPoint) -> Technique:
    if (source := located(entry.module)) is None:
        raise unusable(entry, f"there is no module {entry.module}")
    if (found := _declared(source.file, name)) is None:
        raise unusable(entry, f"{entry.module} has no function {name} with the ports {', '.join(PORTS)}")
    return found


def check(params: Mapping[str, Any], components: Path, where: str = "params.yaml") -> Lineage:
    """The lineage of these parameters; ParamsError with the path of what cannot run, and why."""
    lineage = validate(Lineage, {"variants": params.get("variants")}, where=where)
    problems = [f"{where}:{problem}" for problem in _problems(lineage, params, techniques(components))]
    if problems:
        raise ParamsError("\n".join(problems))
    return lineage


def _problems(lineage: Lineage, params: Mapping[str, Any], known: Mapping[str, Technique]) -> Iterator[str]:
    # Parents first. None: what made it was refused, or its parameters do not say; nothing is said of its children.
    forms: dict[str, str | None] = {ROOT: "float"}
    for name in lineage.order():
        variant, parent = lineage.variants[name], forms[lineage.variants[name].parent]
        technique, forms[name] = known.get(variant.technique), None
        if technique is None:
            yield f"variants.{name}.technique: unknown technique {variant.technique!r}; known: {', '.join(known)}"
        elif parent is not None and technique.takes and parent not in technique.takes:
            yield _cannot_apply(lineage, name, technique, parent)
        elif parent is not None:
            forms[name] = technique.gives.format(parent=parent)
    for name in params.get("evaluated", {}).get("variants", []):
        if name not in forms:
            yield f"evaluated.variants: unknown variant {name!r}; known: {', '.join(forms)}"


def _cannot_apply(lineage: Lineage, name: str, technique: Technique, form: str) -> str:
    variant = lineage.variants[name]
    maker = f", made by {lineage.variants[variant.parent].technique}" if variant.parent != ROOT else ""
    return (
        f"variants.{name}.technique: {variant.technique} takes a {' or '.join(technique.takes)} network, and "
        f"its parent {variant.parent!r} is {form}{maker} ({' -> '.join(lineage.path(name))}); "
        f"let {variant.technique} come earlier in the chain, or name another parent"
    )


class Deployment(Params):
    """A variant on a target: what evidence, verdicts and bundles are about."""

    variant: str
    target: str
