"""G19: does what was done for speed bring it on this target? Judged by what `evaluate` timed in turns."""

from collections.abc import Mapping
from typing import Any

from bedside.gates.case import Case
from bedside.gates.result import FAIL, PASS, Finding, Findings, MissingFigureError, known, section
from bedside.gates.shipped import LEAST_RUNS, cpu_kind, provenance

PLAIN = "latency.against_plain"
NAMES = {"float": "its float parent", "second": "the second network alone"}


def no_slower(case: Case) -> Findings:
    """G19: integers at most `slower` above their float parent, a pair at least `cheaper` below its second network.

    The median of what was measured in turns counts; a float graph of one network has nothing to be held against.
    """
    if section(case.evidence, "latency").get("against_plain", ...) is None:
        return Findings([_nothing_to_compare(case.evidence)])
    against = section(case.evidence, PLAIN)
    kind = against.get("kind")
    limits = {"float": 1 + case.budget.slower, "second": 1 - case.budget.cheaper}
    if kind not in limits:
        raise MissingFigureError(f"{PLAIN}.kind is {kind!r}; known: {', '.join(limits)}")
    figures = ("median", "lowest", "highest", "least_runs")
    values: dict[str, Any] = {name: known(case.evidence, f"{PLAIN}.{name}") for name in figures}
    values |= {"kind": kind, "cpu_kind": cpu_kind(case.evidence)}
    allowed = {"times_as_long": limits[kind], "least_runs": LEAST_RUNS}
    return Findings([_enough(values), _judged(case, values, limits[kind])], values, allowed)


def _nothing_to_compare(evidence: Mapping[str, Any]) -> Finding:
    """Only a float graph of one network may come without the figure: any other was never timed beside anything."""
    if section(evidence, "parity").get("kind") != "fp32" or "adaptive" in evidence:
        raise MissingFigureError(f"the evidence holds no {PLAIN} (optimize and evaluate the graph again)")
    return Finding(
        PASS, "one network in float: there is no faster or slower way to the same answers to hold it against"
    )


def _enough(values: Mapping[str, Any]) -> Finding:
    runs = values["least_runs"]
    text = f"{runs:g} timed answers of each (needs {LEAST_RUNS})"
    return Finding(PASS if runs >= LEAST_RUNS else FAIL, text, plain="was timed too seldom to call it fast or slow")


def _judged(case: Case, values: Mapping[str, Any], limit: float) -> Finding:
    ratio, holds = values["median"], values["median"] <= limit
    verb = {"float": "slower than", "second": "not cheaper than"}[values["kind"]] if not holds else "beside"
    text = (
        f"{verb} {NAMES[values['kind']]}: {ratio:.3g} times as long (pairs in turns from {values['lowest']:.3g} to "
        f"{values['highest']:.3g}; at most {limit:.3g}) on {values['cpu_kind']}"
    )
    plain = f"takes {ratio:.2f} times as long as {NAMES[values['kind']]} ({limit:.2f} allowed)"
    source, wanted = provenance(case.evidence, f"{PLAIN}.median"), case.gates.G19.provenance
    if source != wanted:
        return Finding(FAIL, f"{text} is {source}, not {wanted}", plain=f"was not timed on such a device: {source}")
    return Finding(PASS if holds else FAIL, text, plain=plain)
