"""What a reviewer reads on the registry's pages, and what promotions compare: the description and tags of a version."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from bedside.registry import card
from bedside.registry.candidate import Candidate
from bedside.summary import MISSING, text

FACTS = "facts"  # what promotions compare, in one tag: the registry's table shows every tag of every version
DIGEST, GRAPH, RANK, CPU = "bundle", "graph", "rank", "cpu_kind"
COMPARABLE = ("gates", "windows", "source")  # and the kind of CPU, for times
ROLLED_BACK = "rolled back"
LONGEST = 5000  # characters that the registry's tables take


def model(name: str, target: str, intended_use: str) -> str:
    """The registered model's own description."""
    parts = [
        f"**{text(name)}**: {text(intended_use)} Target: {text(target)}.",
        "Every version here passed all gates; open one to read its verdict and why. Alias `champion` is what devices "
        "should run, `challenger` is the best compressed deployment that passes. Devices trust the signature of the "
        "bundle, never an alias.",
        f"*{card.NOT_A_DEVICE}*",
    ]
    return "\n\n".join(parts)[:LONGEST]


def version(
    candidate: Candidate, experiment: str, run_id: str, pictures: Sequence[str], warnings: Sequence[str] = ()
) -> str:
    """The description of one version: warnings, the verdict, the figures, then links to what is behind them."""
    summary = candidate.summary
    verdict = summary.verdict["verdict"]
    gates = ", ".join(f"{gate['id']} {gate['status']}" for gate in summary.verdict["gates"])
    parts = [
        *(f"**{text(warning)}**" for warning in warnings),
        f"## {text(verdict)}: {text(summary.variant)} on {text(summary.target)}",
        f"{text(summary.why)}.",
        _links(summary.variant, f"#/experiments/{experiment}/runs/{run_id}/artifacts", pictures),
        *card.data(summary),
        card.figures(summary),
        card.claims(summary),
        card.costs(summary),
        card.limits(summary),
        f"Gates: {text(gates)}.",
        f"*{card.NOT_A_DEVICE}*",
    ]
    while sum(len(part) + 2 for part in parts) > LONGEST:  # the links lead to what does not fit here
        parts.pop(-2)
    return "\n\n".join(parts)


def _links(variant: str, page: str, pictures: Sequence[str]) -> str:
    variant = quote(variant, safe="")
    shown = [f"[{name}]({page}/review/{variant}/{name})" for name in pictures]
    files = [f"[{name}]({page}/bundles/{variant}/{name})" for name in ("card.md", "verdict.json", "evidence.json")]
    return (
        f"[**Review page**]({page}/review/{variant}/index.html): verdict, pictures, worst patients, budget. "
        f"Single files: {', '.join([*shown, *files])}."
    )


def tags(candidate: Candidate, digest: str, author: str, warnings: Sequence[str] = ()) -> dict[str, str]:
    """What a person searches by, and the facts that promotions compare."""
    summary = candidate.summary
    faster = summary.times_faster
    return {
        "verdict": str(summary.verdict["verdict"]),
        "variant": summary.variant,
        "source": summary.source,
        "claims": " ".join(summary.claimed),
        **{f"{name} sensitivity": str(summary.gross(name, "sensitivity")) for name in summary.considered},
        "size": summary.size,
        "p99": summary.said("latency.p99_ms", "ms"),
        "times faster": MISSING if faster is None else f"{faster:.1f}",
        **({"warning": text("; ".join(warnings))[:LONGEST]} if warnings else {}),
        FACTS: json.dumps(facts(candidate, digest, author), sort_keys=True),
    }


def facts(candidate: Candidate, digest: str, author: str) -> dict[str, Any]:
    """Digests of everything a version was made from, and what its rank was measured on."""
    summary = candidate.summary
    return {
        DIGEST: digest,
        GRAPH: candidate.graph_sha256,
        "evidence": candidate.evidence.digest,
        "verdict": candidate.verdict.digest,
        "gates": str(summary.verdict.get("gates_digest")),
        "windows": str(summary.verdict.get("windows_digest")),
        "source": candidate.labels.get("source", "unlabelled"),
        CPU: summary.cpu_kind,
        "claims": summary.claimed,
        "author": author,
        RANK: list(summary.rank),
    }


def facts_of(tags: Mapping[str, str]) -> dict[str, Any]:
    """The facts of a registered version; empty where somebody registered it by hand."""
    try:
        return dict(json.loads(tags[FACTS]))
    except (KeyError, ValueError, TypeError):
        return {}
