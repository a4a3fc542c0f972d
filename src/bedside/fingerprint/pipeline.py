"""Which stages a run has, by name, and the digest of the sources that each computes with.

A stage computes with its module, with the members of families that its own parameters name, and with those that stages
before it name or import: what a `distilled` network is decides how every descendant of it is exported. A test holds the
graph here against dvc.yaml's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bedside import catalog
from bedside.configuration import value
from bedside.fingerprint import Before, Source, kinds, over, reached
from bedside.lineage import ROOT, Lineage, maker
from bedside.params import validate

Name = tuple[
    str, ...
]  # of a stage: ("evaluate", "openvino-cpu", "distilled") is code.json's evaluate.openvino-cpu.distilled


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml: which component it runs, what it is given, and the stages whose outputs it reads."""

    name: Name
    component: str
    sections: Sequence[tuple[str, ...]]  # of params.yaml
    after: Sequence[Name]


def digests(params: Mapping[str, Any]) -> dict[str, Any]:
    """The digest of every stage, in mappings by the parts of its name; ParamsError where a section is missing."""
    told: dict[str, Any] = {}
    for name, sources in by_stage(params).items():
        place = told
        for part in name[:-1]:
            place = place.setdefault(part, {})
        place[name[-1]] = over(sources)
    return told


def by_stage(params: Mapping[str, Any]) -> dict[Name, frozenset[Source]]:
    """The sources of every stage."""
    found: dict[Name, frozenset[Source]] = {}
    named: dict[Name, frozenset[str]] = {}  # kinds that count in a stage: its own, and those of the stages before it
    known: dict[Name, frozenset[Source]] = {}  # what it and the stages before it compute with
    for stage in stages(params):
        own = [value(params, section) for section in stage.sections]
        named[stage.name] = kinds(own).union(*(named[before] for before in stage.after))
        brought = frozenset[Source]().union(*(known[before] for before in stage.after))
        before = Before(brought, frozenset(one["kind"] for one in own if isinstance(one, dict) and "kind" in one))
        found[stage.name] = reached(catalog.module_of(stage.component), named[stage.name], before)
        known[stage.name] = found[stage.name] | brought
    return found


def stages(params: Mapping[str, Any]) -> Iterator[Stage]:
    """Every stage that a run of these parameters has, after those that it reads from."""
    lineage = validate(Lineage, {"variants": value(params, ["variants"])}, "params.yaml:")
    yield from _data()
    teacher = maker(params)
    yield Stage((teacher,), teacher, [(teacher,)], [("prepare",), ("validate_windows",)])
    models = {ROOT: (teacher,), **{name: ("variant", name) for name in lineage.variants}}
    for name in lineage.order():
        variant, section = lineage.variants[name], ("variants", name, "params")
        sections = [section] if variant.params else []
        after = dict.fromkeys([("prepare",), models[ROOT], models[variant.parent]])
        yield Stage(models[name], variant.technique, sections, list(after))
    variants, targets = (value(params, ["evaluated", names]) for names in ("variants", "targets"))
    for variant in variants:
        yield Stage(("export", variant), "export", [("export",)], [("prepare",), models[variant]])
    for target in targets:
        yield from _deployments(target, variants)
    judged = [(stage, target, v) for stage in ("evaluate", "gate") for target in targets for v in variants]
    yield Stage(("report",), "report", [("report",)], [*judged, *(("promote", target) for target in targets)])


def _data() -> Iterator[Stage]:
    yield Stage(("ingest",), "ingest", [("source",)], [])
    yield Stage(("validate_recordings",), "validate", [("validate", "recordings")], [("ingest",)])
    yield Stage(("prepare",), "prepare", [("task",)], [("ingest",), ("validate_recordings",)])
    yield Stage(("validate_windows",), "validate", [("validate", "windows")], [("prepare",)])


def _deployments(target: str, variants: Sequence[str]) -> Iterator[Stage]:
    """What happens to every variant on one target, and what is promoted there."""
    about, budget = ("targets", target), ("budgets", target)
    for v in variants:
        yield Stage(("optimize", target, v), "optimize", [about], [("export", v)])
    for v in variants:
        compared = list(dict.fromkeys([("optimize", target, v), ("optimize", target, ROOT)]))
        yield Stage(("evaluate", target, v), "evaluate", [about, ("evaluate",)], [("prepare",), *compared])
    for v in variants:
        compared = list(dict.fromkeys([("evaluate", target, v), ("evaluate", target, ROOT)]))
        yield Stage(("gate", target, v), "gate", [("gates",), budget], compared)
    after = [(stage, target, v) for stage in ("optimize", "evaluate", "gate") for v in variants]
    yield Stage(("promote", target), "promote", [("promote",), ("gates",), budget], after)
