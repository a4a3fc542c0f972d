"""Stage: optimized graph + test windows + target -> evidence. The one stage that opens the test set."""

import hashlib
from pathlib import Path
from typing import Any

import pydantic

from bedside import tensors
from bedside.artifacts import Artifact, DatasetIn, ModelIn, Out, write_json
from bedside.component import Metrics, component
from bedside.datasets.windows import Windows, load_split
from bedside.edge.runner import FILE, RunSettings
from bedside.edge.whole import require_whole
from bedside.errors import RefusedError
from bedside.graph.plain import Plain
from bedside.lineage import Deployment
from bedside.measurement import Measure, Measurement
from bedside.measurement.answers import answers
from bedside.measurement.cpu import require_kind
from bedside.measurement.environment import environment
from bedside.measurement.openings import opened
from bedside.measurement.provenance import provenance
from bedside.measurement.remembered import Answered, remembered
from bedside.outcome import outcome_of
from bedside.params import Params, Seed
from bedside.targets import Target

CLINICAL = ("gross", "average", "macro_f1", "accuracy", "flips")


class Evaluate(Params):
    """`batch`: windows per call while answering; `sampled`: windows also run alone; `replicates`: of the bootstrap."""

    measure: Measure = Measure()
    batch: int = pydantic.Field(default=16, gt=0)
    sampled: int = pydantic.Field(default=64, gt=0)
    replicates: int = pydantic.Field(default=2000, ge=200)  # the bound that G3 judges comes from them
    seed: Seed = 0


@component(image="runtime")
def evaluate(
    *,
    test: DatasetIn,
    graph: ModelIn,
    reference: ModelIn,
    evidence: Out,
    deployment: Deployment,
    target: Target,
    params: Evaluate,
) -> Metrics:
    """Answer every test window with the deployed bytes, judge that beside the teacher's answers, measure the cost."""
    require_kind(target.cpu, deployment.target)
    files = [_file(artifact, "model.onnx") for artifact in (graph, reference)]
    digests = [hashlib.sha256(file).hexdigest() for file in files]
    _check_run_settings(graph, target)
    count = opened(test, digests[0], f"evaluate {deployment.variant} on {deployment.target}")
    windows = load_split(test, "test")
    logits, how = _answers(files, test, target, windows, params)
    judged = _judge(test, windows, logits, params)
    candidate, teacher = files
    measuring = Measurement(target, candidate, teacher, windows.inputs, _without(graph))
    measured = measuring.take(params.measure)
    _expect(measured, graph.json("complexity.json"))
    found: dict[str, Any] = {
        "deployment": deployment.model_dump(),
        "target": target.described(),
        "run": target.run.as_json(),
        "graph_sha256": digests[0],
        "reference_sha256": digests[1],
        "proof": test.json("dataset.json")["proof"],
        "test": {"digest": test.digest, "windows": len(windows), "openings": count, **how},
        "labels": graph.labels | test.labels,
        **{name: graph.json(f"{name}.json") for name in ("audit", "parity", "complexity")},
        **judged,
        **measured,
    }
    found["provenance"] = _provenance(found)
    write_json(evidence / "evidence.json", found)
    _write_predictions(evidence / "predictions.safetensors", windows, logits[0])
    _draw(evidence, test, windows, logits, f"{deployment.variant} on {deployment.target}")
    return _metrics(found)


def _file(artifact: Artifact, name: str) -> bytes:
    """A model that is all there is to it, found out before the test set is opened."""
    return require_whole((artifact / name).read_bytes(), artifact / name)


def _check_run_settings(graph: Artifact, target: Target) -> None:
    """What is judged here must be run as the device will run it."""
    if (asked := RunSettings.read((graph / FILE).read_text(encoding="utf-8"))) != target.run:
        raise RefusedError(
            f"{graph.path} was optimized to be run by {asked}, and the target runs it by {target.run}; optimize again"
        )


def _answers(
    files: list[bytes], test: Artifact, target: Target, windows: Windows, params: Evaluate
) -> tuple[list[Any], dict[str, Any]]:
    """Logits of the graph, answered now, and of the reference; the teacher is its own reference and answers once."""

    def answer(name: str, file: bytes) -> Answered:
        runner = target.session(file)
        batch, sampled = params.batch, params.sampled
        return answers(runner, windows.inputs, batch=batch, sampled=sampled, name=name)

    graph, reference = files
    around = environment()
    logits, how = answer("graph", graph)
    follows_from = {
        "graph": hashlib.sha256(reference).hexdigest(),
        "test": test.digest,
        "target": target.described(),
        "cpu": [around[name] for name in ("cpu_kind", "emulated")],
        "code": evaluate.code(target, params),
        "how": [params.batch, params.sampled],
    }
    if graph == reference:
        remembered(follows_from, lambda: (logits, how))  # for the others
        return [logits, logits], {"graph": how, "reference": how}
    beside = remembered(follows_from, lambda: answer("reference", reference))
    return [logits, beside[0]], {"graph": how, "reference": beside[1]}


def _without(graph: Artifact) -> Plain | None:
    """What `optimize` put beside a graph with a trick: the file without it."""
    if "plain.json" not in graph.manifest["files"]:
        return None
    return Plain(graph.json("plain.json")["kind"], _file(graph, "plain.onnx"))


def _judge(test: Artifact, windows: Windows, logits: list[Any], params: Evaluate) -> dict[str, Any]:
    from bedside.evaluation import evidence as judge

    about = test.json("dataset.json")
    return judge(
        logits[0],
        windows.label,
        windows.record,
        windows.patient,
        windows.sample,
        logits[1],
        outcome=outcome_of(test),
        records=about["records"],
        patients=about["patients"],
        rate=about.get("recording_rate"),
        seconds=about.get("seconds"),
        replicates=params.replicates,
        seed=params.seed,
    )


def _expect(measured: dict[str, Any], cost: dict[str, Any]) -> None:
    """For a network of two steps, the multiply-accumulates of a window on average over the test windows."""
    if "adaptive" in measured:
        short, rate = cost["macs_short_path"], measured["adaptive"]["switch_rate"]
        measured["adaptive"]["expected_macs"] = short + rate * (cost["macs"] - short)


def _provenance(found: dict[str, Any]) -> dict[str, str]:
    clinical = {name: found[name] for name in CLINICAL if name in found}
    expected = {"adaptive": {"expected_macs": found["adaptive"]["expected_macs"]}} if "adaptive" in found else {}
    estimated = provenance({"complexity": found["complexity"], **expected}, "estimated")
    measured: dict[str, str] = found["provenance"]
    return provenance(clinical, "measured") | estimated | measured


def _write_predictions(path: Path, windows: Windows, logits: Any) -> None:
    indices = {name: getattr(windows, name) for name in ("label", "record", "patient", "sample")}
    tensors.save(path, {"logits": logits, **indices})


def _draw(folder: Path, test: Artifact, windows: Windows, logits: list[Any], title: str) -> None:
    from bedside.evaluation import Predictions
    from bedside.evaluation.pictures import draw

    about = test.json("dataset.json")
    indices = {name: getattr(windows, name) for name in ("label", "record", "patient", "sample")}
    both = [Predictions.of(logits=each, **indices, outcome=outcome_of(test)) for each in logits]
    names = {"records": about["records"], "patients": about["patients"]}
    draw(folder, both[0], both[1], inputs=windows.inputs, **names, title=title)


def _metrics(found: dict[str, Any]) -> Metrics:
    """What a person compares runs by; what does not exist is left out."""
    latency = found["latency"]
    figures = {
        **{
            f"test/{name}_{key}": gross[key]
            for name, gross in found["gross"].items()
            for key in ("sensitivity", "predictivity", "f1")
        },
        "test/macro_f1": found["macro_f1"],
        "test/accuracy": found["accuracy"],
        "latency/p50_ms": latency["p50_ms"],
        "latency/p99_ms": latency["p99_ms"],
        "latency/times_faster": latency["times_faster"]["p50"]["median"],
        "latency/against_plain": (latency["against_plain"] or {}).get("median"),
        "memory/peak_rss_mb": found["memory"]["peak_rss_mb"],
        "cold_start/load_and_answer_ms": found["cold_start"]["load_and_answer_ms"],
        "graph/size_bytes": found["size_bytes"],
        "complexity/macs": found["complexity"]["macs"],
        **{f"adaptive/{name}": found.get("adaptive", {}).get(name) for name in ("switch_rate", "expected_ms")},
    }
    return {name: float(value) for name, value in figures.items() if value is not None}


if __name__ == "__main__":
    evaluate.main()
