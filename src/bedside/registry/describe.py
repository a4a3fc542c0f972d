"""What a reviewer reads on the registry's pages, and what promotions compare: the description and tags of a version."""

from collections.abc import Sequence

from bedside.registry import card
from bedside.registry.candidate import Candidate
from bedside.registry.models import DIGEST
from bedside.summary import MISSING, text

SOURCE, VARIANT, GRAPH, CLAIMS, AUTHOR = "source", "variant", "graph.sha256", "claims", "author"
P99, SIZE, GATES, WINDOWS, CPU = "p99_ms", "size_bytes", "gates.digest", "windows.digest", "cpu"
ROLLED_BACK = "rolled_back"
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


def version(candidate: Candidate, experiment: str, run_id: str, pictures: Sequence[str]) -> str:
    """The description of one version: the verdict first, then the figures, then links to what is behind them."""
    summary = candidate.summary
    verdict = summary.verdict["verdict"]
    gates = ", ".join(f"{gate['id']} {gate['status']}" for gate in summary.verdict["gates"])
    parts = [
        f"## {verdict}: {text(summary.variant)} on {text(summary.target)}",
        f"{text(summary.why)}.",
        _links(summary.variant, f"#/experiments/{experiment}/runs/{run_id}/artifacts", pictures),
        *card.data(summary),
        card.figures(summary),
        card.claims(summary),
        card.costs(summary),
        card.limits(summary),
        f"Gates: {gates}.",
        f"*{card.NOT_A_DEVICE}*",
    ]
    while sum(len(part) + 2 for part in parts) > LONGEST:  # the links lead to what does not fit here
        parts.pop(-2)
    return "\n\n".join(parts)


def _links(variant: str, page: str, pictures: Sequence[str]) -> str:
    shown = [f"[{name}]({page}/review/{variant}/{name})" for name in pictures]
    files = [f"[{name}]({page}/bundles/{variant}/{name})" for name in ("card.md", "verdict.json", "evidence.json")]
    return (
        f"[**Review page**]({page}/review/{variant}/index.html): verdict, pictures, worst patients, budget. "
        f"Single files: {', '.join([*shown, *files])}."
    )


def tags(candidate: Candidate, digest: str, author: str) -> dict[str, str]:
    """Searchable facts of a version."""
    summary = candidate.summary
    told = {
        "verdict": str(summary.verdict["verdict"]),
        VARIANT: summary.variant,
        "target": summary.target,
        SOURCE: candidate.labels.get(SOURCE, "unlabelled"),
        CLAIMS: " ".join(summary.claimed),
        SIZE: str(summary.figure("size_bytes")),
        P99: str(summary.figure("latency.p99_ms")),
        "times_faster": MISSING if summary.times_faster is None else f"{summary.times_faster:.1f}",
        DIGEST: digest,
        GRAPH: candidate.graph_sha256,
        "evidence.digest": candidate.evidence.digest,
        GATES: str(summary.verdict.get("gates_digest")),
        WINDOWS: str(summary.verdict.get("windows_digest")),
        CPU: str((summary.evidence.get("environment") or {}).get("cpu", "unknown")),
        AUTHOR: author,
    }
    for name in summary.considered:
        told[f"{name}.sensitivity"] = str(summary.gross(name, "sensitivity"))
        told[f"{name}.predictivity"] = str(summary.gross(name, "predictivity"))
    return told
