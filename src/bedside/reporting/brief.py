"""A run at a glance: five rows on one target, in words that need no glossary. A README shows them."""

from collections.abc import Collection, Sequence

from bedside.reporting.table import false_calls, grid, provenance
from bedside.summary import MISSING, Share, Summary, text

ROWS = 5
# What it means that a gate fails. A gate without words here is shown by its title.
FAILS = {
    "G1": "test {subjects} were seen before",
    "G2": "too few test {subjects}",
    "G3": "finds too few",
    "G4": "too many false calls",
    "G5": "not shown to be as good as the teacher",
    "G7": "turns too many right answers wrong",
    "G8": "one {subject} loses too much",
    "G14": "answers unlike the trained network",
    "G15": "over the target's budget",
    "G19": "slower than without the technique",
}


def short(summaries: Sequence[Summary], named: Collection[str]) -> str:
    """What it was measured on, the rows of `chosen`, and what the columns mean."""
    shown = chosen(summaries, named)
    if not shown:
        return "Nothing has been judged yet.\n"
    measured = f"{provenance(shown)} Target: {text(shown[0].target)}."
    return "\n\n".join([measured, grid(_columns(shown[0]), [_cells(s) for s in shown]), _legend(shown[0])]) + "\n"


def chosen(summaries: Sequence[Summary], named: Collection[str]) -> list[Summary]:
    """Five deployments on the first target, in their order: the teacher, the best that passes (the fastest, as in the
    registry), those whose name is in `named`, others that pass, others; as many of each as there is room for.
    """
    here = [summary for summary in summaries if summary.target == summaries[0].target]
    best = min((s for s in here if s.is_compressed and s.passes), key=lambda s: s.rank, default=None)

    def later(summary: Summary) -> tuple[bool, ...]:
        other = summary.variant not in named
        return (summary.is_compressed, summary is not best, other, other and not summary.passes)

    kept = sorted(here, key=later)[:ROWS]
    return [summary for summary in here if summary in kept]


def _columns(summary: Summary) -> list[str]:
    per_class = [
        heading
        for name in summary.required
        for heading in (f"{name} found", f"{name} calls that are right", f"false {name} calls per hour")
    ]
    return ["network", "verdict", "file size", "time per answer", "times faster", *per_class]


def _cells(summary: Summary) -> list[str]:
    faster = summary.times_faster
    return [
        summary.variant,
        _verdict(summary),
        summary.size,
        summary.said("latency.p50_ms", "ms"),
        "1" if not summary.is_compressed else MISSING if faster is None else f"{faster:.1f}",
        *(cell for name in summary.required for cell in _about(summary, name)),
    ]


def _verdict(summary: Summary) -> str:
    """With what the failing gates mean."""
    words = {"subject": summary.outcome.subject.one, "subjects": summary.outcome.subject.many}
    why = ", ".join(
        FAILS[gate["id"]].format(**words) if gate["id"] in FAILS else gate["title"] for gate in summary.failed
    )
    return f"{summary.verdict['verdict']}: {why}" if why else str(summary.verdict["verdict"])


def _about(summary: Summary, name: str) -> tuple[str, str, str]:
    return (
        _percent(summary.gross(name, "sensitivity")),
        _percent(summary.gross(name, "predictivity")),
        false_calls(summary, name),
    )


def _percent(share: Share) -> str:
    if share.value is None:
        return MISSING
    bounds = "" if share.low is None or share.high is None else f" ({share.low:.0%} to {share.high:.0%})"
    return f"{share.value:.1%}{bounds}"


def _legend(summary: Summary) -> str:
    names, outcome = " and ".join(summary.required), summary.outcome
    return (
        f"Found: share of the true {names} that are called {names} (sensitivity). Right: share of these calls that are "
        f"true (positive predictivity). In parentheses: 95% interval over {outcome.subject.many}; false calls are "
        f"those of the median {outcome.subject.one}, in parentheses of the worst. Time: the median. "
        "Times faster: than the teacher, timed in turns."
    )
