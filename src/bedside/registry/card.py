"""The model card: what a bundle is for, what it is not, and every figure with where it comes from."""

from bedside.outcome import Outcome
from bedside.registry.candidate import Candidate
from bedside.summary import MISSING, Summary, text

NOT_A_DEVICE = "This is not a medical device, and nothing here was reviewed by a regulator."
SIMULATED = "SIMULATED PATIENTS: these figures say nothing about real ones."


def card(candidate: Candidate, intended_use: str) -> str:
    """Markdown with the same content for the same artifacts (no times, no paths)."""
    summary = candidate.summary
    parts = [
        f"# {text(summary.variant)} on {text(summary.target)}",
        f"**{text(summary.verdict['verdict'])}**: {text(summary.why)}",
        "## Intended use",
        text(intended_use),
        claims(summary),
        f"**{NOT_A_DEVICE}**",
        "## Data",
        *data(summary),
        "## Figures",
        figures(summary),
        _how(summary.outcome),
        costs(summary),
        "## Gates",
        gates(summary),
        "## Limits",
        limits(summary),
        "## Identity",
        identity(candidate),
    ]
    return "\n\n".join(parts) + "\n"


def _how(outcome: Outcome) -> str:
    units = outcome.unit.many
    by = "" if outcome.standard is None else f" Counted as {text(outcome.standard)} asks."
    told = f"95% intervals in brackets, by drawing {outcome.subject.many} (not {units}) again"
    return f"{told}; gross figures pool all {units}.{by}"


def claims(summary: Summary) -> str:
    """What may be said about each class."""
    told = [(name, summary.verdict["claims"][name]) for name in summary.considered]
    lines = [f"- **{text(name)}**: {text(claim['status'])}, {text(claim['reason'])}" for name, claim in told]
    return "\n".join(["Claims, class by class:", "", *lines])


def data(summary: Summary) -> list[str]:
    """Who was judged on."""
    statistics = summary.evidence.get("statistics", {})
    warning = [f"**{SIMULATED}**"] if summary.is_simulated else []
    units, subjects = summary.outcome.unit.many, summary.outcome.subject.many
    told = (
        f"Source: {text(summary.source)}. {text(statistics.get('units', MISSING))} {units} of "
        f"{text(statistics.get('patients', MISSING))} test {subjects}, none of whom is in training, validation or "
        "calibration. Internal evaluation only: one source, no second hospital."
    )
    return [*warning, told]


def figures(summary: Summary) -> str:
    """One row per class."""
    unit, subject = summary.outcome.unit, summary.outcome.subject
    rows = [
        f"| class | sensitivity | +P | sensitivity, mean over {subject.many} | {unit.many} | {subject.many} "
        f"| largest {subject.one}'s share |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in summary.outcome.classes:
        found = summary.evidence["gross"][name]
        share = (found.get("largest_patient") or {}).get("share")
        cells = [
            name,
            summary.gross(name, "sensitivity"),
            summary.gross(name, "predictivity"),
            summary.average(name, "sensitivity"),
            found.get("events", MISSING),
            found.get("patients", MISSING),
            MISSING if share is None else f"{share:.0%}",
        ]
        rows.append(f"| {' | '.join(map(text, cells))} |")
    return "\n".join(rows)


def costs(summary: Summary) -> str:
    """Size, time and memory as a list, each with where it comes from."""
    faster = summary.times_faster
    ratio = "" if faster is None or not summary.is_compressed else f", {faster:.1f} times faster than the teacher"
    told = {
        "size": (summary.size, "size_bytes"),
        "latency p50, batch 1": (summary.said("latency.p50_ms", "ms") + ratio, "latency.p50_ms"),
        "latency p99, batch 1": (summary.said("latency.p99_ms", "ms"), "latency.p99_ms"),
        "peak memory with only the runtime": (summary.said("memory.peak_rss_mb", "MB"), "memory.peak_rss_mb"),
        "energy per window": (summary.said("energy.millijoule_per_window", "mJ"), "energy.millijoule_per_window"),
    }
    if summary.against_plain is not None:
        told["its time"] = (summary.against_plain, "latency.against_plain.median")
    lines = [f"- {what}: {text(value)} ({text(summary.provenance(path))})" for what, (value, path) in told.items()]
    complexity = summary.evidence.get("complexity") or {}
    lines += [f"- {text(name).replace('_', ' ')}: {value:,} (counted)" for name, value in complexity.items()]
    return "\n".join([f"On {text(summary.cpu)}:", "", *lines])


def gates(summary: Summary) -> str:
    """Every gate with its reason."""
    rows = [
        f"| {text(gate['id'])} | {text(gate['title'])} | {text(gate['status'])} | {text(gate['reason'])} |"
        for gate in summary.verdict["gates"]
    ]
    return "\n".join(["| gate | | status | why |", "|---|---|---|---|", *rows])


def limits(summary: Summary) -> str:
    """What is not claimed, and who lost most."""
    unit, subject = summary.outcome.unit, summary.outcome.subject
    lost = [name for name in summary.considered if name not in summary.claimed]
    told = [f"No claim is made for: {', '.join(map(text, lost))}.", ""] if lost else []
    worst = [
        f"- {text(row['patient'])}: {text(row['class'])} sensitivity {row['sensitivity']:.3f} of {text(row['events'])} "
        f"{unit.many} ({row['change']:+.3f} against the teacher)"
        for row in summary.worst_patients[:5]
    ]
    title = f"{subject.many.capitalize()} who lost most through compression:"
    return "\n".join([*told, title, "", *(worst or [f"none with enough {unit.many}"])])


def identity(candidate: Candidate) -> str:
    """Digests that tie the bundle to what was measured and judged."""
    told = {
        "graph sha256": candidate.graph_sha256,
        "evidence": candidate.evidence.digest,
        "verdict": candidate.verdict.digest,
        "gate definition": candidate.summary.verdict.get("gates_digest", MISSING),
    }
    return "\n".join(f"- {name}: `{text(value)}`" for name, value in told.items())
