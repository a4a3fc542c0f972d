"""G14 and G15: is the graph that was measured the trained network, and does it fit its target."""

from collections.abc import Mapping
from typing import Any

from bedside.gates.case import Case
from bedside.gates.result import (
    FAIL,
    PASS,
    Finding,
    Findings,
    GateResult,
    MissingFigureError,
    Status,
    apart,
    known,
    section,
)

FIGURES = {"size_bytes": "size_bytes", "p99_ms": "latency.p99_ms", "peak_rss_mb": "memory.peak_rss_mb"}
LEAST_RUNS = 100
KINDS = ("fp32", "int8")
NOT_THE_SAME = "is not shown to answer on its target as the trained network does"
TOO = {"size_bytes": "too large", "p99_ms": "too slow", "peak_rss_mb": "too hungry for memory"}
WORDS = {"size_bytes": "bytes", "p99_ms": "ms p99 latency", "peak_rss_mb": "MB peak memory"}


def parity(case: Case, settled: Mapping[str, GateResult]) -> Findings:
    """G14: a graph answers as the trained network; one that rounds what it computes is held to G5 and G7 here.

    Two steps must hold: from the trained network to the exported graph, and from there to the target's own file.
    """
    kind = section(case.evidence, "parity").get("kind")
    figures = ("max_abs_difference", "label_changes", "windows")
    names = [f"{step}{name}" for step in ("", "on_target.") for name in figures]
    values: dict[str, Any] = {name: known(case.evidence, f"parity.{name}") for name in names} | {"kind": kind}
    limits = case.gates.G14.model_dump()
    findings = [_same_everywhere(case)]
    if min(values["windows"], values["on_target.windows"]) < 1:
        return Findings([Finding(FAIL, "parity was compared on no window", plain=NOT_THE_SAME)], values, limits)
    if kind not in KINDS:
        raise MissingFigureError(f"parity.kind is {kind!r}; known: {', '.join(KINDS)}")
    if kind == "int8" and not _keeps_to(limits, values):
        return Findings([*findings, _integer_parity(values, settled)], values, {"G5": "PASS", "G7": "PASS"})
    apart = _both(values, "max_abs_difference", limits["max_logit_difference"], "largest logit difference")
    changes = _both(values, "label_changes", limits["label_changes"], "changed answers")
    return Findings([*findings, apart, changes], values, limits)


def _same_everywhere(case: Case) -> Finding:
    """Whether int8 kernels answer alike on every CPU, by the weights in the file (`bedside.graph.saturation`)."""
    found = section(case.evidence, "audit.pairs")
    limit, layers, exact = known(case.evidence, "audit.pairs.limit"), found.get("layers"), found.get("exact_kernels")
    if not isinstance(layers, Mapping) or not isinstance(found.get("unknown"), list):
        raise MissingFigureError("audit.pairs does not say what was found in which layer")
    if found.get("safe") is True:
        text = f"no two int8 weights of a row add up to more than {limit:g}" if layers else "no layer runs in integers"
        return Finding(PASS, f"{text}: the same answers on every CPU")
    worst = max(layers, key=lambda name: float(layers[name]), default=None)
    beyond = [f"weights of {worst} add up to {layers[worst]} (limit {limit:g})"] if worst else []
    text = "; ".join([*beyond, *map(str, found["unknown"])])
    if exact:
        return Finding(PASS, f"{text}; exact kernels are asked for ({exact}): the same answers on every CPU")
    return Finding(
        FAIL,
        f"{text}: a CPU without VNNI would answer otherwise; quantize with this version, or ask for exact kernels "
        "(exact_integers of an onnxruntime target)",
        plain="would give other answers on a CPU of another kind",
    )


def _keeps_to(limits: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether an int8 graph answers as fp32 graphs must in both steps: int8 weights alone round nothing anew."""
    return all(
        values[f"{step}max_abs_difference"] <= limits["max_logit_difference"]
        and values[f"{step}label_changes"] <= limits["label_changes"]
        for step in ("", "on_target.")
    )


def _both(values: Mapping[str, Any], name: str, limit: float, what: str) -> Finding:
    """Whether a figure keeps to its limit in both steps."""
    exported, there = values[name], values[f"on_target.{name}"]
    steps = (
        f"{exported:.4g} from the trained network to the exported graph, {there:.4g} from there to the target's file"
    )
    status: Status = PASS if max(exported, there) <= limit else FAIL
    return Finding(status, f"{what} {steps} (limit {limit:g})", plain=NOT_THE_SAME)


def _integer_parity(values: Mapping[str, Any], settled: Mapping[str, GateResult]) -> Finding:
    statuses = {name: settled[name].status for name in ("G5", "G7")}
    failing = [status for status in statuses.values() if status != PASS]
    status: Status = PASS if not failing else FAIL if FAIL in failing else failing[0]
    text = (
        "int8, so its parity is G5 and G7 on this very target: "
        + " and ".join(f"{name} {found}" for name, found in statuses.items())
        + f" (logits differ by up to {values['max_abs_difference']:.4g}, {values['label_changes']:g} of "
        f"{values['windows']:g} answers change against the trained network; from the exported graph to the target's "
        f"file by up to {values['on_target.max_abs_difference']:.4g} and {values['on_target.label_changes']:g} of "
        f"{values['on_target.windows']:g} on windows of noise)"
    )
    return Finding(status, text, plain="answers differently in int8 than its teacher does")


def within_budget(case: Case) -> Findings:
    """G15: size, p99 latency and peak memory keep to the target's budget; only measured figures count."""
    allowed = case.budget.model_dump(include=set(FIGURES))
    where = cpu_kind(case.evidence)
    values: dict[str, Any] = {"latency_runs": _runs(case), "cpu_kind": where}
    runs = f"{values['latency_runs']:g} runs behind the p99 latency (needs {LEAST_RUNS})"
    measured: Status = PASS if values["latency_runs"] >= LEAST_RUNS else FAIL
    findings = [Finding(measured, runs, plain="was timed too seldom for a p99 latency")]
    for name, path in FIGURES.items():
        value = values[name] = known(case.evidence, path)
        source = provenance(case.evidence, path)
        place = f" on {where}" if name == "p99_ms" else ""
        text = f"{value:.6g} {WORDS[name]}{place} (limit {allowed[name]:g})"
        if source != case.gates.G15.provenance:
            plain = f"has a figure that was not {case.gates.G15.provenance} on its target: {WORDS[name]}"
            findings.append(Finding(FAIL, f"{text} is {source}, not {case.gates.G15.provenance}", plain=plain))
        else:
            told = f"{value:,.0f}" if name == "size_bytes" else apart(value, allowed[name], least=3)
            plain = f"is {TOO[name]} for its target: {told} {WORDS[name]}, {allowed[name]:,.7g} allowed"
            findings.append(Finding(PASS if value <= allowed[name] else FAIL, text, plain=plain))
    return Findings(findings, values, allowed | {"latency_runs": LEAST_RUNS})


def _runs(case: Case) -> float:
    """How many timed answers there are; the 99th percentile of fewer than a hundred is their largest, or luck."""
    windows = section(case.evidence, "latency").get("window_p50_ms")
    return known(case.evidence, "latency.runs_per_window") * (len(windows) if isinstance(windows, list) else 0)


def cpu_kind(evidence: Mapping[str, Any]) -> str:
    """The kind of CPU that times were measured on: they say nothing about another."""
    kind = section(evidence, "environment").get("cpu_kind")
    if not isinstance(kind, str):
        raise MissingFigureError(
            "the evidence does not say which kind of CPU it was measured on (environment.cpu_kind)"
        )
    return kind


def provenance(evidence: Mapping[str, Any], path: str) -> str:
    """Where the figure at `path` comes from: measured, emulated, estimated or not available."""
    labels = evidence.get("provenance")
    label = labels.get(path) if isinstance(labels, Mapping) else None
    return label if isinstance(label, str) else "of unknown provenance"
