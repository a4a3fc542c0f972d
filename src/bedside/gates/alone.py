"""G1 to G4: may the figures be believed, and are they good enough by themselves."""

import itertools
from typing import Any

from bedside.gates.case import Case
from bedside.gates.limits import LEAST_REPLICATES
from bedside.gates.result import (
    FAIL,
    INSUFFICIENT,
    PASS,
    Finding,
    Findings,
    MissingFigureError,
    at_least,
    figure,
    known,
    section,
)

SHARED = ("shared_patients", "shared_records", "shared_windows")
SPLITS = ("train", "validation", "calibration", "test")
BOUNDS = {"patients": "intervals", "effective": "cautious"}


def split_integrity(case: Case) -> Findings:
    """G1: no patient, record or window is in two splits and no test patient is missing, by the proof of `prepare`."""
    overlaps = section(case.evidence, "proof.overlaps")
    pairs = {frozenset(pair.split("/")): pair for pair in overlaps}
    shared = dict.fromkeys(SHARED, 0.0)
    for one, other in itertools.combinations(SPLITS, 2):
        pair = pairs.get(frozenset({one, other}))
        if pair is None:
            raise MissingFigureError(f"the evidence holds no proof that {one} and {other} share nothing")
        for name in SHARED:
            shared[name] += known(case.evidence, f"proof.overlaps.{pair}.{name}")
    limits, patients = case.gates.G1, known(case.evidence, "proof.splits.test.patients")
    subjects = case.outcome.subject.many
    words = (f"shared {subjects}", "shared records", "shared windows")
    text = ", ".join(f"{count:g} {word}" for word, count in zip(words, shared.values(), strict=True))
    status = PASS if all(count <= limits.shared for count in shared.values()) else FAIL
    plain = f"is judged on {subjects}, records or windows that another split has too, so its figures mean nothing"
    apart = Finding(status, f"{text} between the splits", plain=plain)
    # records that are missing or quarantined drop out, and those left may be the easy ones
    whole = PASS if patients >= limits.test_patients else FAIL
    few = f"is judged on too few test {subjects}: {patients:g}, {limits.test_patients} needed"
    tested = Finding(whole, f"{patients:g} test {subjects} (needs {limits.test_patients})", plain=few)
    return Findings([apart, tested, *_adopted(case)], {**shared, "test_patients": patients}, limits.model_dump())


def _adopted(case: Case) -> list[Finding]:
    """Of a network that was trained elsewhere `prepare` proves nothing: its owner has to say whom it learned from."""
    declared, subjects = case.evidence.get("labels", {}).get("adopted"), case.outcome.subject.many
    if declared is None:
        return []
    if declared == "undeclared":
        plain = f"was adopted, and nobody says whether it has seen the test {subjects} before (adopt.learned_from)"
        return [Finding(INSUFFICIENT, f"adopted: trained on undeclared {subjects}", plain=plain)]
    whom = f"training {subjects} of this data set" if declared == "here" else f"other {subjects}"
    return [Finding(PASS, f"adopted: trained on {whom}, as its owner declares")]


def enough_evidence(case: Case) -> Findings:
    """G2: enough patients and units of a class to claim anything about it."""
    limits, findings, values = case.gates.G2, [], {}
    units, subjects = case.outcome.unit.many, case.outcome.subject.many
    for name in case.gates.classes:
        patients, events = (known(case.evidence, f"gross.{name}.{what}") for what in ("patients", "events"))
        enough = patients >= limits.patients and events >= limits.events
        text = f"{events:g} {name} {units} of {patients:g} {subjects} (needs {limits.events} of {limits.patients})"
        findings.append(Finding(PASS if enough else INSUFFICIENT, text, name))
        share = figure(case.evidence, f"gross.{name}.largest_patient.share")
        values[name] = {"patients": patients, "events": events, "largest_patient_share": share}
    return Findings(findings, values, limits.model_dump())


def sensitivity_floor(case: Case) -> Findings:
    """G3: gross sensitivity and its lower bound per claimed class, and units of the background that stay so."""
    limits = case.gates.G3
    replicates = known(case.evidence, "statistics.replicates")
    if replicates < LEAST_REPLICATES:
        raise MissingFigureError(f"the intervals come from {replicates:g} resamples, not {LEAST_REPLICATES} or more")
    findings, values = _background(case)
    units, subjects = case.outcome.unit.many, case.outcome.subject.many
    for name in case.gates.classes:
        gross = figure(case.evidence, f"gross.{name}.sensitivity")
        lower = figure(case.evidence, f"gross.{name}.{BOUNDS[limits.interval]}.sensitivity.low")
        few, fewest = (
            f"finds too few {name} {units}: {{}}, {{}} needed",
            f"may find too few {name} {units}: {{}} at worst, {{}} needed",
        )
        findings.append(at_least(gross, limits.floors[name].gross, f"{name} sensitivity", name, few))
        findings.append(
            at_least(lower, limits.floors[name].lower, f"its lower bound over {name} {subjects}", name, fewest)
        )
        values[name] = {"gross": gross, "lower": lower}
    return Findings(findings, values, limits.model_dump())


def _background(case: Case) -> tuple[list[Finding], dict[str, Any]]:
    """The share of the background class that is called so: how rarely it raises an alarm of any kind."""
    name, floor = case.outcome.background, case.gates.G3.normal_specificity
    if name is None or floor is None:  # both or neither: the case saw to it
        return [], {}
    kept, word = known(case.evidence, f"gross.{name}.sensitivity"), case.outcome.word(name)
    false = f"calls too many {word} {case.outcome.unit.many} something else: {{}} stay {word}, {{}} needed"
    return [at_least(kept, floor, f"{name} specificity", plain=false)], {name: {"specificity": kept}}


def predictivity_floor(case: Case) -> Findings:
    """G4: gross positive predictivity per claimed class; false calls per hour stand beside it."""
    limits, findings, values = case.gates.G4, [], {}
    units, subject = case.outcome.unit.many, case.outcome.subject.one
    for name in case.gates.classes:
        gross = figure(case.evidence, f"gross.{name}.predictivity")
        false = f"calls too many {units} {name} that are not: {{}} of its {name} calls are right, {{}} needed"
        findings.append(at_least(gross, limits.floors[name], f"{name} +P", name, false))
        rates = {kind: figure(case.evidence, f"false_calls.{name}.{kind}") for kind in ("median", "max")}
        if all(rate is not None for rate in rates.values()):
            text = f"false {name} calls per hour: median {rates['median']:.3g}, worst {subject} {rates['max']:.3g}"
            findings.append(Finding(PASS, text, name))
        values[name] = {"gross": gross, "false_calls_per_hour": rates}
    return Findings(findings, values, limits.model_dump())
