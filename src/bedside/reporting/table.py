"""The results as markdown: every variant on every target, in an order and with words that a page can quote."""

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.reporting import claims
from bedside.reporting.claims import SeedClaim
from bedside.summary import MISSING, Summary, text

Decision = Mapping[str, Any]


def results(summaries: Sequence[Summary], decisions: Sequence[Decision], seed: Mapping[str, SeedClaim]) -> str:
    """Everything as markdown: the table, the registry, what failed and why, and the claims of the article."""
    parts = [
        provenance(summaries),
        grid(columns(summaries), [cells(summary) for summary in summaries]),
        f"Se: sensitivity, +P: positive predictivity; all test {units(summaries)} pooled, 95% interval over "
        f"{subjects(summaries)} in brackets. False calls: {units(summaries)} wrongly called so per hour, in the median "
        f"{subject(summaries)} (in the worst). "
        f"Flips: share of test {units(summaries)} that the teacher has right and this has wrong. "
        "Times faster: p50 against the teacher on the same target, in turns in one run.",
        *recommended(decisions),
        *failures(summaries),
        "**What the article claims, and what was measured**",
        grid(claims.COLUMNS, claims.rows(summaries, seed)),
        "The article that this project started from (2025-05-06, on an ICU monitor) names neither its data nor its "
        f"device. Smaller and faster: than the teacher on the same target. {no_yardstick(summaries)}".rstrip(),
    ]
    return "\n\n".join(parts) + "\n"


def batches(summaries: Sequence[Summary]) -> str:
    """What it gains to answer several windows at once, such as the leads of one patient."""
    sizes = sorted({int(size) for s in summaries for size in s.evidence.get("throughput") or {}})
    rows = [[s.target, s.variant, *(_per_second(s, size) for size in sizes)] for s in summaries]
    told = "**Several windows at once**\n\nWindows per second when so many leads or patients are answered in one call."
    return f"{told}\n\n{grid(['target', 'variant', *map(str, sizes)], rows)}\n"


def _per_second(summary: Summary, batch: int) -> str:
    rate = summary.figure(f"throughput.{batch}.windows_per_second")
    return MISSING if rate is None else f"{rate:,.0f}"


def provenance(summaries: Sequence[Summary]) -> str:
    """Where the figures come from: whose, and which machine."""
    sources = sorted({summary.source for summary in summaries})
    cpus = sorted({summary.cpu for summary in summaries})
    patients = sorted({str((s.evidence.get("statistics") or {}).get("patients", MISSING)) for s in summaries})
    warning = (
        "**SIMULATED PATIENTS: the clinical figures say nothing about real ones.** " if is_simulated(summaries) else ""
    )
    return (
        f"{warning}Clinical figures: {text(', '.join(sources))}, {', '.join(patients)} test {subjects(summaries)}. "
        f"Size, time and memory: measured on {text(', '.join(cpus))} where nothing else is said, batch 1."
    )


def units(summaries: Sequence[Summary]) -> str:
    """What was decided one by one, in the plural."""
    return summaries[0].outcome.unit.many if summaries else "windows"


def subject(summaries: Sequence[Summary]) -> str:
    """Whose they are."""
    return summaries[0].outcome.subject.one if summaries else "patient"


def subjects(summaries: Sequence[Summary]) -> str:
    """The same in the plural."""
    return summaries[0].outcome.subject.many if summaries else "patients"


def no_yardstick(summaries: Sequence[Summary]) -> str:
    """Why nobody should look at the accuracy: what always the same answer scores; nothing where it is not known."""
    if not summaries:
        return ""
    events = {name: float(figures["events"]) for name, figures in summaries[0].evidence["gross"].items()}
    name, word = (most := max(events, key=lambda name: events[name])), summaries[0].outcome.word(most)
    told = name if word == name else f"{name} ({word})"
    return (
        f"Accuracy is no yardstick: on these test {subjects(summaries)}, a network that answers {told} to everything "
        f"scores {events[name] / sum(events.values()):.1%}."
    )


def is_simulated(summaries: Sequence[Summary]) -> bool:
    return any(summary.is_simulated for summary in summaries)


def columns(summaries: Sequence[Summary]) -> list[str]:
    """Headings; two per class that the gates ask about."""
    asked = summaries[0].considered if summaries else []
    shares = [f"{name} {metric}" for name in asked for metric in ("Se", "+P")]
    calls = [f"false {name} calls/h" for name in (summaries[0].required if summaries else [])]
    return [
        "target",
        "variant",
        "verdict",
        *shares,
        *calls,
        "flips",
        "size",
        "p50",
        "p99",
        "times faster",
        "peak memory",
    ]


def cells(summary: Summary) -> list[str]:
    """One deployment, in the order of `columns`."""
    shares = [
        str(summary.gross(name, metric)) for name in summary.considered for metric in ("sensitivity", "predictivity")
    ]
    faster, flips = summary.times_faster, summary.figure("flips.all.harmful_share")
    return [
        summary.target,
        summary.variant,
        str(summary.verdict["verdict"]),
        *shares,
        *(false_calls(summary, name) for name in summary.required),
        MISSING if flips is None else f"{flips:.2%}",
        summary.size,
        summary.said("latency.p50_ms", "ms"),
        summary.said("latency.p99_ms", "ms"),
        "1 (yardstick)" if not summary.is_compressed else MISSING if faster is None else f"{faster:.1f}",
        summary.said("memory.peak_rss_mb", "MB"),
    ]


def false_calls(summary: Summary, name: str) -> str:
    """Calls of class `name` per hour that are wrong, in the median patient (in the worst)."""
    median, worst = (summary.figure(f"false_calls.{name}.{which}") for which in ("median", "max"))
    return MISSING if median is None or worst is None else f"{median:.1f} ({worst:.0f})"


def recommended(decisions: Sequence[Decision]) -> list[str]:
    """What the registry says per target, with the reason."""
    lines = [f"- {text(d['target'])}: {text(advice(d))}" for d in decisions]
    return ["**In the registry**", "\n".join(lines)] if lines else []


def advice(decision: Decision) -> str:
    """What changed of the gates, then challenger and champion of one target, in a sentence."""
    told = [decision["changes"]] if decision.get("changes") else []
    for alias in ("champion", "challenger"):
        found = decision.get(alias)
        if not found:
            told.append(f"no {alias}: no deployment passes its gates")
        elif found["version"] is None:
            told.append(f"no {alias}: {found['reason']}")
        else:
            named = f" ({found['variant']})" if found.get("variant") else ""
            told.append(f"{alias} is version {found['version']}{named}: {found['reason']}")
    return "; ".join(told)


def failures(summaries: Sequence[Summary]) -> list[str]:
    """Every verdict that is not PASS, and every class that is not claimed, in words."""
    lines = [
        f"- {text(s.variant)} on {text(s.target)}: {s.verdict['verdict']}. {text(s.why)}"
        for s in summaries
        if not s.passes
    ]
    return ["**What did not pass, and why**", "\n".join(lines)] if lines else []


def grid(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in markdown; nothing in a cell can end it."""
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    return "\n".join([*lines, *(f"| {' | '.join(map(text, row))} |" for row in rows)])
