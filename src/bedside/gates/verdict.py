"""From findings to a verdict in words: PASS, FAIL or INSUFFICIENT EVIDENCE."""

from collections.abc import Callable, Mapping
from typing import Any

from bedside.evaluation.assemble import plain
from bedside.gates import alone, paired, shipped, timed
from bedside.gates.case import Case, windows_digest
from bedside.gates.result import (
    FAIL,
    INSUFFICIENT,
    NOT_CLAIMED,
    PASS,
    Finding,
    Findings,
    GateResult,
    MissingFigureError,
    Status,
)
from bedside.outcome import Outcome

TITLES = {
    "G1": "split integrity",
    "G2": "enough evidence to claim a class",
    "G3": "sensitivity floor",
    "G4": "positive predictivity floor",
    "G5": "not inferior to the teacher",
    "G7": "harmful flips against the teacher",
    "G8": "worst {subject}",
    "G14": "parity with the trained network",
    "G15": "budget of the target",
    "G19": "no slower than without the trick",
}
# Of several gates that fail, the one that says it best: what a patient would notice before what follows from it.
PLAINEST = ("G1", "G3", "G4", "G7", "G8", "G5", "G14", "G15", "G19", "G2")
GATES: dict[str, Callable[[Case], Findings]] = {
    "G1": alone.split_integrity,
    "G2": alone.enough_evidence,
    "G3": alone.sensitivity_floor,
    "G4": alone.predictivity_floor,
    "G5": paired.not_inferior,
    "G7": paired.few_harmful_flips,
    "G8": paired.worst_patient,
    "G15": shipped.within_budget,
    "G19": timed.no_slower,
}


def judge(case: Case) -> dict[str, Any]:
    """The verdict on one deployment, ready for `verdict.json`: claims per class, every gate with its reason."""
    found = {name: _ask(ask, case) for name, ask in GATES.items()}
    claims = {name: claim(name, found, required=c.required) for name, c in case.gates.classes.items()}
    settled = {name: settle(name, findings, claims, case.outcome) for name, findings in found.items()}
    settled["G14"] = settle("G14", _ask(lambda c: shipped.parity(c, settled), case), claims, case.outcome)
    verdict, reason = conclude(settled, claims, case.outcome)
    return dict(
        plain(
            {
                "deployment": case.evidence.get("deployment"),
                "graph_sha256": case.evidence.get("graph_sha256"),
                "cpu_kind": (case.evidence.get("environment") or {}).get("cpu_kind"),  # of the times that were judged
                "verdict": verdict,
                "reason": reason,
                "plain": _plainest(settled, FAIL)
                or (_plainest(settled, INSUFFICIENT) if verdict == INSUFFICIENT else ""),
                "claims": claims,
                "gates": [settled[name].as_json() for name in TITLES],
                "gates_digest": case.gates.digest,
                "windows_digest": windows_digest(case.candidate),
            }
        )
    )


def claim(name: str, found: Mapping[str, Findings], *, required: bool) -> dict[str, Any]:
    """Whether class `name` stays in the intended use, and why.

    A class needs enough evidence and every one of its own findings. A required class that lacks one fails; another one
    leaves the intended use, so that a worse model never passes where a better one failed.
    """
    about = [(gate, f) for gate, findings in found.items() for f in findings.findings if f.about == name]
    thin = [f.text for _, f in about if f.status == INSUFFICIENT]
    failing = [f"{gate}: {f.text}" for gate, f in about if f.status == FAIL]
    status: Status
    if thin or not about:
        status, reason = INSUFFICIENT, f"too little evidence: {'; '.join(thin) or 'no finding'}"
    elif failing:
        status, reason = (FAIL if required else NOT_CLAIMED), "; ".join(failing)
    else:
        status, reason = PASS, "every gate about it holds"
    if status != PASS:
        reason = f"no {name} claim: {reason}"
    return {"status": status, "reason": reason, "required": required}


def settle(gate: str, found: Findings, claims: Mapping[str, Mapping[str, Any]], outcome: Outcome) -> GateResult:
    """The status of a gate: findings about all classes always count, findings about a class as far as it is claimed."""
    counted = [(_counted(finding, claims), finding) for finding in found.findings]
    statuses = [status for status, _ in counted]
    order: list[Status] = [FAIL, INSUFFICIENT, PASS, NOT_CLAIMED]
    status = next((s for s in order if s in statuses), FAIL)
    reason = "; ".join(_worded(*pair) for pair in counted) or "nothing was found out"
    failing = [finding for own, finding in counted if own == FAIL]
    # Too little evidence about a class is the claim's to say; about all of them, this gate's.
    unknown = [finding for own, finding in counted if own == INSUFFICIENT and finding.about is None]
    plain = next((f.plain or f.text for f in [*failing, *unknown]), "" if status == INSUFFICIENT else reason)
    texts = [finding.text for finding in failing]
    title = TITLES[gate].format(subject=outcome.subject.one)
    return GateResult(gate, title, status, reason, found.values, found.limits, texts, plain)


def _counted(finding: Finding, claims: Mapping[str, Mapping[str, Any]]) -> Status:
    """What a finding means for the whole: nothing about a class that is not claimed, too little about a thin one."""
    own = claims[finding.about] if finding.about is not None else None
    if own is None or own["status"] in (PASS, FAIL):
        return finding.status
    return INSUFFICIENT if own["required"] else NOT_CLAIMED


def _worded(status: Status, finding: Finding) -> str:
    notes = {FAIL: ": fails", INSUFFICIENT: ": too little evidence", NOT_CLAIMED: f" (no {finding.about} claim)"}
    return finding.text + notes.get(status, "")


def conclude(
    settled: Mapping[str, GateResult], claims: Mapping[str, Mapping[str, Any]], outcome: Outcome
) -> tuple[Status, str]:
    """The verdict and its sentence: a failing gate fails, then missing evidence for a required class counts."""
    failed = [name for name in TITLES if settled[name].status == FAIL]
    thin = [name for name, own in claims.items() if own["required"] and own["status"] == INSUFFICIENT]
    lost = [name for name, own in claims.items() if not own["required"] and own["status"] != PASS]
    held = [name for name, own in claims.items() if own["status"] == PASS]
    rest = f"; no {', '.join(lost)} claim" if lost else ""
    if failed:
        reasons = "; ".join(f"{name} ({settled[name].title}): {', '.join(settled[name].failing)}" for name in failed)
        plain = next(settled[name].plain for name in PLAINEST if name in failed)
        return FAIL, f"It {plain}. {len(failed)} of {len(TITLES)} gates fail: {reasons}{rest}"
    if thin:
        return INSUFFICIENT, f"too few {outcome.subject.many} or events to claim {', '.join(thin)}{rest}"
    if unknown := _plainest(settled, INSUFFICIENT):
        names = [f"{name} ({one.title}): {one.reason}" for name, one in settled.items() if one.status == INSUFFICIENT]
        return INSUFFICIENT, f"It {unknown}. Too little evidence: {'; '.join(names)}{rest}"
    return PASS, f"all gates hold; intended use: {', '.join(held)} {outcome.unit.many}{rest}"


def _plainest(settled: Mapping[str, GateResult], status: Status) -> str:
    """What of the gates with this status says it best, of those that have something to say to everybody."""
    return next(
        (settled[name].plain for name in PLAINEST if settled[name].status == status and settled[name].plain), ""
    )


def _ask(gate: Callable[[Case], Findings], case: Case) -> Findings:
    try:
        return gate(case)
    except MissingFigureError as error:
        text = f"{error}; a missing figure never passes"
        return Findings([Finding(FAIL, text, plain=f"cannot be judged: {error}")])
