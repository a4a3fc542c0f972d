"""Stage: evidence -> an explained verdict."""

from pathlib import Path

from bedside import tracking
from bedside.artifacts import In, Out, write_json
from bedside.component import Metrics, component
from bedside.gates import Budget, Gates, judge, open_case


@component(image="runtime")
def gate(*, evidence: In, reference: In, verdict: Out, gates: Gates, budget: Budget) -> Metrics:
    """Judge a deployment by the clinical gates, against the teacher's evidence on the same target."""
    outcome = judge(open_case(evidence, reference, gates, budget)) | {"labels": evidence.labels | reference.labels}
    write_json(Path(verdict) / "verdict.json", outcome)
    tracking.note(outcome["reason"])
    statuses = {f"gates/{result['id']}": float(result["status"] == "PASS") for result in outcome["gates"]}
    return statuses | {"gates/verdict": float(outcome["verdict"] == "PASS")}


if __name__ == "__main__":
    gate.main()
