"""G5, G7 and G8: window by window against a baseline, from the predictions themselves."""

from collections.abc import Collection
from typing import Any

import numpy as np

from bedside.evaluation import counts
from bedside.evaluation.flips import harmful
from bedside.evaluation.inferiority import METRICS, Difference, difference
from bedside.evaluation.predictions import Predictions
from bedside.gates.case import Case, check_same_windows, tables, weights
from bedside.gates.limits import NonInferiority
from bedside.gates.result import (
    FAIL,
    INSUFFICIENT,
    PASS,
    Finding,
    Findings,
    GateResult,
    at_least,
    at_most,
    percent,
    section,
)
from bedside.outcome import Outcome

ITSELF = Finding(PASS, "this is the reference itself, so nothing can differ from it")
SHORT = {"sensitivity": "sensitivity", "predictivity": "+P"}


def not_inferior(case: Case) -> Findings:
    """G5: sensitivity and +P not worse than the teacher's by more than delta, and macro-F1 kept."""
    found = compare(case.candidate, case.reference, case.gates.G5, list(case.gates.classes))
    return _noting_itself(case, found)


def compare(
    candidate: Predictions, baseline: Predictions, limits: NonInferiority, classes: Collection[str]
) -> Findings:
    """Findings of candidate against baseline for `classes` and for macro-F1; both answered the same windows."""
    now, before = tables(candidate), tables(baseline)
    drawn = weights(candidate, limits.replicates, limits.seed)
    findings, values = [], {}
    for name in classes:
        for metric in METRICS:
            apart = difference(
                now,
                before,
                candidate.outcome,
                name,
                metric=metric,
                weights=drawn,
                confidence=(limits.gross_confidence, limits.average_confidence),
            )
            findings.append(_inferiority(apart, limits.delta[name], metric, name, candidate.outcome))
            values[f"{name}.{metric}"] = vars(apart)
    over = limits.macro_f1_classes
    scores = [counts.macro_f1(table.sum(0), candidate.outcome, over) for table in (now, before)]
    quotient = scores[0] / scores[1] if scores[1] > 0 else float("nan")
    plain = "answers worse than its teacher over all classes: {} of its macro-F1, {} needed"
    what = f"macro-F1 over {', '.join(over)}, as a ratio,"
    findings.append(at_least(quotient, limits.macro_f1_ratio, what, plain=plain))
    values["macro_f1"] = {"candidate": scores[0], "baseline": scores[1], "ratio": quotient}
    return Findings(findings, values, limits.model_dump())


def non_inferior(
    candidate: Predictions, baseline: Predictions, limits: NonInferiority, classes: Collection[str]
) -> GateResult:
    """Whether `candidate` may replace `baseline` (the present champion) for every one of `classes`, by the rule of G5.

    Give the classes that the baseline claims: a claim that the candidate gave up is then seen. RefusedError unless both
    answered the same windows.
    """
    check_same_windows(candidate, baseline)
    found = compare(candidate, baseline, limits, classes)
    status = PASS if all(finding.status == PASS for finding in found.findings) else FAIL
    reason = "; ".join(finding.text for finding in found.findings)
    return GateResult("G5", "not inferior to the champion", status, reason, found.values, found.limits)


def few_harmful_flips(case: Case) -> Findings:
    """G7: few units turn from right to wrong: of a claimed class, of all, and of any one patient."""
    limits, bad, scored = case.gates.G7, harmful(case.candidate, case.reference), case.candidate.scored
    units, subject = case.outcome.unit.many, case.outcome.subject.one
    findings: list[Finding] = []
    values: dict[str, Any] = {}
    for name in case.gates.classes:
        where = case.candidate.label == case.outcome.index(name)
        values[name] = _share(bad, where)
        findings.append(_flipped(bad, where, limits.classes[name], f"{name} {units}", name))
    values["all"] = _share(bad, scored)
    findings.append(_flipped(bad, scored, limits.all, units))
    owners = [scored & (case.candidate.patient == patient) for patient in np.unique(case.candidate.patient[scored])]
    worst = max(owners, key=lambda where: _share(bad, where), default=scored)
    values["worst_patient"] = _share(bad, worst)
    findings.append(_flipped(bad, worst, limits.patient, f"{units} of the worst {subject}"))
    return _noting_itself(case, Findings(findings, values, limits.model_dump()))


def worst_patient(case: Case) -> Findings:
    """G8: no patient with enough units of the class loses more of its sensitivity than allowed."""
    limits = case.gates.G8
    (now, before), outcome = case.tables, case.outcome
    units, subject = outcome.unit.many, outcome.subject
    findings: list[Finding] = []
    values: dict[str, Any] = {}
    for name, allowed in limits.fall.items():
        hits, events = counts.sensitivity(now, outcome, name)
        reference_hits, _ = counts.sensitivity(before, outcome, name)
        enough = events >= limits.events
        falls = counts.ratio(reference_hits - hits, events)[enough]
        listed = section(case.evidence, "worst_patients").get(name, [])
        values[name] = {"patients": int(enough.sum()), "largest_fall": float(falls.max()) if len(falls) else None}
        values[name]["worst_patients"] = listed
        if not enough.any():
            text = f"no {subject.one} has {limits.events} {name} {units}, so the worst one cannot be assessed"
            findings.append(Finding(INSUFFICIENT, text, name))
            continue
        such = f"{enough.sum()} {subject.many} with {limits.events} {units} or more"
        what = f"largest fall of {name} sensitivity in the {such}"
        plain = f"misses more {name} {units} of one {subject.one} than its teacher: {{}} of them, {{}} allowed"
        findings.append(at_most(values[name]["largest_fall"], allowed, what, name, plain))
    return _noting_itself(case, Findings(findings, values, limits.model_dump()))


def _inferiority(apart: Difference, delta: float, metric: str, about: str, outcome: Outcome) -> Finding:
    text = (
        f"{about} {SHORT[metric]} {apart.gross:+.4f}, at worst {apart.gross_lower:+.4f}, and on average over "
        f"{outcome.subject.many} {apart.average:+.4f}, at worst {apart.average_lower:+.4f} (limit {-delta:+g})"
    )
    return Finding(
        PASS if apart.above(delta) else FAIL,
        text,
        about,
        _worse(apart, delta, metric, f"{about} {outcome.unit.many}", about),
    )


def _worse(apart: Difference, delta: float, metric: str, units: str, about: str) -> str:
    """What a difference comes to that is too large or might be, by the lower of its two bounds."""
    lowest = min(apart.gross_lower, apart.average_lower)
    if not np.isfinite([apart.gross_lower, apart.average_lower]).all():
        return f"cannot be compared with its teacher on {units}"
    share = f"{percent(-lowest, delta)} of them at worst, {percent(delta)} allowed"
    if metric == "sensitivity":
        return f"may miss more {units} than its teacher: {share}"
    return f"may be wrong with more of its {about} calls than its teacher: {share}"


def _flipped(bad: Any, where: Any, limit: float, what: str, about: str | None = None) -> Finding:
    share, text = _share(bad, where), f"{bad[where].sum()} of {where.sum()} {what} turn from right to wrong"
    plain = (
        f"answers wrongly on more {what} than its teacher: {percent(share, limit)} changed, {percent(limit)} allowed"
    )
    text = f"{text} ({100 * share:.2f}%, limit {100 * limit:g}%)"
    return Finding(PASS if share <= limit else FAIL, text, about, plain)  # an undefined share keeps to no limit


def _share(flags: Any, where: Any) -> float:
    return float(flags[where].mean()) if where.any() else float("nan")


def _noting_itself(case: Case, found: Findings) -> Findings:
    return Findings([ITSELF, *found.findings], found.values, found.limits) if case.is_reference else found
