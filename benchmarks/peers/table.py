"""The comparison as markdown and as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bedside.summary import MISSING, Summary, text

Row = Mapping[str, Any]
KEPT = ("gross", "macro_f1", "accuracy", "flips", "latency", "memory", "size_bytes", "audit", "parity", "test")


def markdown(rows: Sequence[Row], notes: Iterable[str]) -> str:
    """One table of what was made, one of what could not be done, and how it was measured."""
    made = [row for row in rows if "summary" in row]
    failed = [row for row in rows if "summary" not in row]
    parts = ["# Compression toolkits beside bedside", *notes]
    if made:
        parts += [_table(_headings(made[0]["summary"]), [_cells(row, made[0]["summary"]) for row in made]), LEGEND]
    if failed:
        lines = [[row["tool"], row["name"], row["settings"], row["error"]] for row in failed]
        parts += ["## What could not be done", _table(["tool", "what was tried", "settings", "error"], lines)]
    return "\n\n".join(parts) + "\n"


LEGEND = (
    "Se: sensitivity, +P: positive predictivity, pooled over all test beats, 95% interval over patients in brackets. "
    "Times smaller and faster: against the fp32 teacher; p50 at batch 1, one thread, in turns with it (A B A B), range "
    "over the pairs in parentheses. Flips: share of test beats that the teacher has right and this has wrong. Integer: "
    "operators that multiply weights in integers, of all that do, in the graph that ONNX Runtime really runs. The "
    "verdict names the gates that fail (docs/clinical-gates.md)."
)


def _headings(of: Summary) -> list[str]:
    shares = [f"{name} {metric}" for name in of.considered for metric in ("Se", "+P")]
    figures = ["bytes", "times smaller", "times faster", *shares, "macro-F1", "flips", "integer", "verdict"]
    return ["tool", "what it made", "settings", *figures]


def _cells(row: Row, teacher: Summary) -> list[str]:
    found: Summary = row["summary"]
    size, whole = found.figure("size_bytes"), teacher.figure("size_bytes")
    faster = found.evidence["latency"]["times_faster"]["p50"]
    shares = [found.gross(name, m) for name in found.considered for m in ("sensitivity", "predictivity")]
    return [
        *(row["tool"], row["name"], row["settings"]),
        f"{size or 0:,.0f}",
        f"{(whole or 0) / (size or 1):.1f}",
        f"{faster['median']:.2f} ({faster['lowest']:.2f}-{faster['highest']:.2f})",
        *map(str, shares),
        _share(found.figure("macro_f1"), ".3f"),
        _share(found.figure("flips.all.harmful_share"), ".2%"),
        _integer(found),
        verdict(found),
    ]


def _share(value: float | None, form: str) -> str:
    return MISSING if value is None else format(value, form)


def _integer(found: Summary) -> str:
    audit = found.evidence["audit"]
    integer, floating = (sum(audit[f"{kind}_operators"].values()) for kind in ("integer", "float"))
    return f"{integer} of {integer + floating}"


def verdict(found: Summary) -> str:
    """The verdict with the gates that fail."""
    said = str(found.verdict["verdict"])
    failing = ", ".join(gate["id"] for gate in found.failed)
    return said if found.passes or not failing else f"{said}: {failing}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    return "\n".join([*lines, *(f"| {' | '.join(map(text, row))} |" for row in rows)])


def plain(row: Row) -> dict[str, Any]:
    """A row as JSON keeps it."""
    told = {key: row.get(key) for key in ("peer", "tool", "name", "settings", "seconds", "error")}
    if "summary" not in row:
        return told
    found: Summary = row["summary"]
    return {**told, **{k: found.evidence[k] for k in KEPT}, "verdict": found.verdict["verdict"], "why": found.why}
