"""Stage: evidence, verdicts and decisions of all deployments -> one page, one table, one picture."""

import sys
from collections.abc import Mapping, Sequence

import pydantic

from bedside import tracking
from bedside.artifacts import Artifact, In, Out
from bedside.component import Metrics, component
from bedside.errors import RefusedError
from bedside.params import Params
from bedside.reporting import PICTURES, SeedClaim, batches, comparison_page, draw_pareto, headline, results, short
from bedside.reporting.claims import SEED
from bedside.summary import Summary


class Report(Params):
    """The article's claims by variant, beside which the measured figures are shown."""

    claims: Mapping[str, SeedClaim] = pydantic.Field(default_factory=lambda: dict(SEED))


@component(image="train")
def report(*, evidence: list[In], verdicts: list[In], decisions: list[In], report: Out, params: Report) -> Metrics:
    """Show every variant on every target: verdicts in words, figures with intervals and provenance, the trade-off."""
    summaries = [_summary(*pair) for pair in _paired(evidence, verdicts)]
    decided = [decision.json("decision.json") for decision in decisions]
    pareto = draw_pareto(summaries)
    (report / "pareto.png").write_bytes(pareto)
    (report / "results.md").write_text(
        results(summaries, decided, params.claims) + "\n" + batches(summaries), encoding="utf-8"
    )
    (report / "short.md").write_text(short(summaries, params.claims), encoding="utf-8")
    pictures = {
        (summary.target, summary.variant): [artifact / name for name in PICTURES if name in artifact.manifest["files"]]
        for summary, artifact in zip(summaries, evidence, strict=True)
    }
    page = comparison_page(summaries, decided, params.claims, pareto, pictures)
    (report / "index.html").write_text(page, encoding="utf-8")
    tracking.note(headline(summaries))
    _flush()
    return {
        "report/deployments": float(len(summaries)),
        "report/passed": float(sum(summary.passes for summary in summaries)),
    }


def _flush() -> None:
    """Bring MLflow's pages up to date with the report; the report itself needs files only."""
    try:
        tracking.flush(timeout=20)
    except tracking.TrackingError as error:
        print(f"tracking: {error}", file=sys.stderr)


def _paired(evidence: Sequence[Artifact], verdicts: Sequence[Artifact]) -> list[tuple[Artifact, Artifact]]:
    """Each evidence with the verdict that was given on it."""
    given = {str(verdict.manifest["inputs"]["evidence"]): verdict for verdict in verdicts}
    for artifact in evidence:
        if artifact.digest not in given:
            raise RefusedError(f"{artifact.path}: no verdict was given on this evidence; run the gate stage again")
    return [(artifact, given[artifact.digest]) for artifact in evidence]


def _summary(evidence: Artifact, verdict: Artifact) -> Summary:
    return Summary(evidence.json("evidence.json"), verdict.json("verdict.json"), evidence.labels)


if __name__ == "__main__":
    report.main()
