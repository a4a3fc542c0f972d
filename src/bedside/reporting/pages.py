"""Self-contained HTML pages: all data escaped, all pictures inside, no script, no address outside."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bedside.outcome import Outcome
from bedside.reporting import claims, table
from bedside.reporting.claims import SeedClaim
from bedside.summary import Summary

TITLES = {
    "confusion.png": "what was called what",
    "per_patient.png": "{subject} by {subject}",
    "roc.png": "other operating points",
    "flips.png": "{units} that compression flipped",
}

PICTURES = tuple(TITLES)


def comparison_page(
    summaries: Sequence[Summary],
    decisions: Sequence[Mapping[str, Any]],
    seed: Mapping[str, SeedClaim],
    pareto: bytes,
    pictures: Mapping[tuple[str, str], Sequence[Path]],
) -> str:
    """Every deployment on one page; `pictures` by (target, variant)."""
    return _render(
        "report.html",
        title="Comparison of all deployments",
        summaries=summaries,
        simulated=table.is_simulated(summaries),
        headline=headline(summaries),
        provenance=table.provenance(summaries).replace("*", ""),
        advice=[(decision["target"], decision.get("model"), table.advice(decision)) for decision in decisions],
        columns=table.columns(summaries),
        rows=[(summary, table.cells(summary)) for summary in summaries],
        claim_columns=claims.COLUMNS,
        claim_rows=claims.rows(summaries, seed),
        pareto=inlined(pareto),
        pictures={(s.target, s.variant): _named(pictures.get((s.target, s.variant), ()), s) for s in summaries},
        units=table.units(summaries),
        subjects=table.subjects(summaries),
        no_yardstick=table.no_yardstick(summaries),
    )


def review_page(summary: Summary, pictures: Sequence[Path], warnings: Sequence[str] = ()) -> str:
    """One deployment for its reviewer: warnings, verdict, figures, pictures, worst patients, budget."""
    title = f"{summary.variant} on {summary.target}"
    return _render("review.html", title=title, s=summary, pictures=_named(pictures, summary), warnings=warnings)


def headline(summaries: Sequence[Summary]) -> str:
    """The outcome in a sentence."""
    compressed = [summary for summary in summaries if summary.is_compressed]
    passing = sorted((s for s in compressed if s.passes), key=lambda s: s.rank)
    told = f"{len(passing)} of {len(compressed)} compressed deployments pass every gate."
    if not passing:
        return told
    kinds = sorted({summary.cpu_kind for summary in passing})
    if len(kinds) > 1:
        return f"{told} They were measured on {' and '.join(kinds)}, and times of different kinds are not compared."
    best = passing[0]
    faster = f", {best.times_faster:.0f} times faster than its teacher" if best.times_faster else ""
    worst = best.worst_sensitivity
    caught = "" if worst is None else f", sensitivity {worst:.3f} in its worst claimed class"
    return f"{told} The fastest is {best.variant} on {best.target}: {best.size}{faster}{caught}."


def inlined(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _named(files: Sequence[Path], summary: Summary) -> list[tuple[str, str]]:
    return [(_caption(file, summary.outcome), inlined(file.read_bytes())) for file in files]


def _caption(file: Path, outcome: Outcome) -> str:
    told = TITLES.get(file.name, file.stem).format(units=outcome.unit.many, subject=outcome.subject.one)
    return told[0].upper() + told[1:]


def _render(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bedside.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
