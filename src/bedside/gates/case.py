"""What is judged: the evidence of one deployment beside the teacher's on the same target and the same windows."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bedside.artifacts import Artifact
from bedside.errors import RefusedError
from bedside.evaluation import counts, intervals
from bedside.evaluation.predictions import Floats, Ints, Predictions
from bedside.gates.limits import Budget, Gates
from bedside.gates.result import MissingFigureError, figure
from bedside.lineage import ROOT
from bedside.outcome import Outcome

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Case:
    """Evidence, predictions and limits; RefusedError unless both sides answered the same windows on the same target."""

    evidence: Mapping[str, Any]
    candidate: Predictions
    reference: Predictions
    gates: Gates
    budget: Budget
    is_reference: bool = False

    def __post_init__(self) -> None:
        classes = self.candidate.classes
        for name in [*self.gates.classes, *self.gates.G5.macro_f1_classes]:
            if name not in classes:
                raise RefusedError(
                    f"the gates name class {name!r}, the evidence knows {', '.join(classes)}; correct `gates`"
                )
        if objection := self.gates.about_background(self.outcome):
            raise RefusedError(f"{objection}; correct `gates`")
        check_same_windows(self.candidate, self.reference)
        self._check_figures()

    @property
    def outcome(self) -> Outcome:
        """What was decided, its words and how it is counted."""
        return self.candidate.outcome

    @cached_property
    def tables(self) -> tuple[Ints, Ints]:
        """Tables per patient `(patient, class + 1, class)` of the candidate and of the reference."""
        return tables(self.candidate), tables(self.reference)

    def _check_figures(self) -> None:
        """The figures in `evidence.json` must follow from the predictions beside it."""
        for path, found in self._recounted():
            try:
                told = figure(self.evidence, path)
            except MissingFigureError:
                continue  # the gate that asks for it fails
            if told is not None and not abs(told - found) <= TOLERANCE:
                raise RefusedError(
                    f"{path} is {told} in the evidence but {found} by its own predictions; "
                    "evaluate the deployment again"
                )

    def _recounted(self) -> Iterator[tuple[str, float]]:
        table, outcome = self.tables[0], self.outcome
        for name in outcome.classes:
            events = counts.sensitivity(table, outcome, name)[1]
            yield f"gross.{name}.events", float(events.sum())
            yield f"gross.{name}.patients", float((events > 0).sum())
            for metric in (counts.sensitivity, counts.predictivity):
                yield f"gross.{name}.{metric.__name__}", float(counts.ratio(*metric(table.sum(0), outcome, name)))


def open_case(evidence: Artifact, reference: Artifact, gates: Gates, budget: Budget) -> Case:
    """The case of two evidence artifacts; RefusedError unless `reference` is the teacher's, of the same test."""
    judged, baseline = evidence.json("evidence.json"), reference.json("evidence.json")
    here, there = deployment(judged, evidence), deployment(baseline, reference)
    if here["target"] != there["target"]:
        raise RefusedError(
            f"the evidence is of target {here['target']!r}, the reference of {there['target']!r}; "
            "give the teacher's evidence on the same target"
        )
    for told in (judged, baseline):
        if objection := foreign(told):
            raise RefusedError(objection)
    _check_teacher(judged, baseline, there["variant"])
    _check_same_test(judged, baseline)
    return Case(
        judged,
        Predictions.read(evidence / "predictions.safetensors", _outcome(judged, evidence)),
        Predictions.read(reference / "predictions.safetensors", _outcome(baseline, reference)),
        gates,
        budget,
        is_reference=here["variant"] == ROOT,
    )


def foreign(evidence: Mapping[str, Any]) -> str | None:
    """Why evidence is not of the kind of CPU that its own target names; None if it is, or if the target takes any."""
    target, around = evidence.get("target") or {}, evidence.get("environment") or {}
    wanted, found = target.get("cpu"), around.get("cpu_kind") or "an unnamed kind of CPU"
    if wanted in (None, found):
        return None
    name = (evidence.get("deployment") or {}).get("target")
    return f"measured on {found}, but {name} asks for times on {wanted} (targets.{name}.cpu); evaluate it on such a CPU"


def _check_teacher(judged: Mapping[str, Any], baseline: Mapping[str, Any], variant: str) -> None:
    """A worse reference flatters: it must be the teacher, by the bytes that `evaluate` compared with."""
    if variant != ROOT:
        raise RefusedError(f"the reference is the evidence of {variant!r}; give the teacher's on the same target")
    beside, graph = judged.get("reference_sha256"), baseline.get("graph_sha256")
    if beside is None or beside != graph:
        raise RefusedError(
            f"the evidence was taken beside the graph {str(beside)[:12]}, the reference is of {str(graph)[:12]}; "
            "evaluate both with one teacher"
        )


def _check_same_test(judged: Mapping[str, Any], baseline: Mapping[str, Any]) -> None:
    """The same labels of the same windows may stand over other signals: it must be one test artifact."""
    here, there = (evidence.get("test", {}).get("digest") for evidence in (judged, baseline))
    if here is None or here != there:
        raise RefusedError(
            f"the evidence is of test {str(here)[:12]}, the reference of {str(there)[:12]}; evaluate both on one test "
            "artifact"
        )
    if judged.get("outcome") != baseline.get("outcome"):
        raise RefusedError(
            "the evidence and the reference do not count by one outcome; evaluate both on one test artifact"
        )


def deployment(evidence: Mapping[str, Any], artifact: Artifact) -> dict[str, str]:
    """The variant and target that evidence is about."""
    found = evidence.get("deployment")
    if not isinstance(found, Mapping) or not {"variant", "target"} <= set(found):
        raise RefusedError(f"{artifact.path}: the evidence names no deployment; evaluate again")
    return dict(found)


def _outcome(evidence: Mapping[str, Any], artifact: Artifact) -> Outcome:
    return Outcome.of(evidence, artifact.path, "evaluate again")


def check_same_windows(candidate: Predictions, baseline: Predictions) -> None:
    """RefusedError unless both answered the same windows: a paired comparison needs nothing less."""
    if candidate.classes != baseline.classes:
        raise RefusedError(
            f"classes differ: {', '.join(candidate.classes)} against {', '.join(baseline.classes)}; evaluate both again"
        )
    if not candidate.same_windows(baseline):
        raise RefusedError(
            f"not the same test windows: {len(candidate.label)} against {len(baseline.label)}, digests "
            f"{windows_digest(candidate)[:12]} and {windows_digest(baseline)[:12]}; evaluate both on one test artifact"
        )


def windows_digest(of: Predictions) -> str:
    """sha256 over label, record, patient and sample of every window: which test was answered."""
    digest = hashlib.sha256()
    for values in (of.label, of.record, of.patient, of.sample):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def tables(of: Predictions) -> Ints:
    """Tables per patient that has windows, `(patient, class + 1, class)`."""
    present, index = np.unique(of.patient, return_inverse=True)
    return counts.tables(of, index.astype(np.int64), len(present))


def weights(of: Predictions, replicates: int, seed: int) -> Floats:
    """Patient resamples for `of`, `(replicate, patient)`."""
    return intervals.resamples(len(np.unique(of.patient)), replicates, seed)
