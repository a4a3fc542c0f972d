"""Small deployments for tests: synthetic answers of a cohort, real evidence from them, real verdicts on that."""

import json
import shutil
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from bedside.artifacts import commit, open_artifact, sha256, staged
from bedside.evaluation import evidence as clinical
from bedside.gates import Budget, Gates
from bedside.gates.alone import SHARED, SPLITS
from bedside.lineage import ROOT
from bedside.measurement.provenance import provenance
from bedside.outcome import Outcome
from bedside.registry import Yardstick
from bedside.reporting import PICTURES
from bedside.tasks.ecg_beats.outcome import OUTCOME
from tests.support import limits

PATIENTS = [f"patient-{number:02d}" for number in range(24)]
SECONDS = 1800.0

# The proposed gates, a little looser and with fewer resamples, so that a small cohort can pass in no time.
GATES: dict[str, Any] = {**limits.GATES, "G5": {**limits.GATES["G5"], "macro_f1_ratio": 0.98, "replicates": 200}}
BUDGET = {"size_bytes": 10_000_000, "p99_ms": 20.0, "peak_rss_mb": 200.0, "slower": 0.1, "cheaper": 0.1}


@dataclass(frozen=True)
class Deployed:
    """The three artifacts of one deployment that promotion and report read."""

    graph: Path
    evidence: Path
    verdict: Path
    reference: Path


def changed_gates(**changes: Mapping[str, Any]) -> dict[str, Any]:
    """The gates with other numbers: `G4={"floors": ...}`."""
    return {name: {**gate, **changes.get(name, {})} for name, gate in GATES.items()}


def yardstick(deployed: Deployed, gates: Mapping[str, Any] | None = None) -> Yardstick:
    """By what a deployment of these was judged."""
    by = Gates.model_validate(gates or GATES), Budget.model_validate(BUDGET)
    return Yardstick(open_artifact(deployed.reference), *by)


@dataclass(frozen=True)
class Maker:
    """Makes deployments under `root`, all answering the same windows; `source` labels the data.

    `drawn`: with the pictures of the evaluation instead of grey squares (seconds instead of milliseconds). Times are of
    a CPU of `cpu_kind`; `asks_for` is the kind that the target names.
    """

    root: Path
    source: str = "mitdb-1.0.0"
    seed: int = 0
    drawn: bool = False
    cpu_kind: str = "x86-64 avx2"
    asks_for: str | None = None
    outcome: Outcome = OUTCOME

    def make(
        self,
        variant: str = "pruned",
        target: str = "onnxruntime-cpu",
        *,
        missed: float = 0.0,
        p99_ms: float = 1.0,
        size: int = 100_000,
        budget: Mapping[str, float] = BUDGET,
        gates: Mapping[str, Any] = GATES,
    ) -> Deployed:
        """A deployment that misses this share of the V beats that the teacher catches."""
        reference = self.root / "evidence" / target / ROOT
        if variant != ROOT and not reference.exists():
            self.evidence(ROOT, target, self.graph(ROOT, target, 6_000_000), 0.0, 12.0)
        graph = self.graph(variant, target, size)
        evidence = self.evidence(variant, target, graph, missed, p99_ms)
        verdict = self.root / "verdicts" / target / variant
        from components.gate import gate

        gate(evidence=evidence, reference=reference, verdict=verdict, gates=dict(gates), budget=dict(budget))
        return Deployed(graph, evidence, verdict, reference)

    def graph(self, variant: str, target: str, size: int) -> Path:
        """An optimized graph: a real small ONNX model, padded to `size` bytes."""
        path = self.root / "optimized" / target / variant
        with staged(path) as staging:
            (staging / "model.onnx").write_bytes(_onnx(variant, size))
            (staging / "run.json").write_text(json.dumps({"runtime": "onnxruntime", "threads": 1, "options": {}}))
            (staging / "plain.onnx").write_bytes(_onnx(f"{variant} without its trick", size))
            commit(staging, path, {"component": "optimize", "inputs": {}, "labels": {"source": self.source}})
        return path

    def evidence(self, variant: str, target: str, graph: Path, missed: float, p99_ms: float) -> Path:
        """Evidence computed from synthetic answers by the project's own code; times and memory are made up."""
        path = self.root / "evidence" / target / variant
        windows, teacher = _cohort(self.seed)
        logits = _missing(windows, teacher, missed)
        if variant != ROOT:  # no other network answers as the teacher does, to the last bit
            logits += np.float32(1e-6) * (1 + sum(variant.encode()) % 7)
        named = {"logits": logits, **windows}
        found = clinical(
            logits,
            windows["label"],
            windows["record"],
            windows["patient"],
            windows["sample"],
            teacher,
            outcome=self.outcome,
            records=PATIENTS,
            patients=PATIENTS,
            rate=360.0,
            seconds=dict.fromkeys(PATIENTS, SECONDS),
            replicates=200,
        )
        cost = _cost(variant, p99_ms, (graph / "model.onnx").stat().st_size, self.cpu_kind)
        told = {
            **found,
            **cost,
            "deployment": {"variant": variant, "target": target},
            "labels": {"source": self.source},
            "graph_sha256": sha256(graph / "model.onnx"),
            "reference_sha256": sha256(self.root / "optimized" / target / ROOT / "model.onnx"),
            "target": {
                "kind": "onnxruntime",
                "runtime": "onnxruntime",
                "threads": 1,
                "version": "1.0",
                "cpu": self.asks_for,
            },
            "proof": {
                "overlaps": {"/".join(pair): dict.fromkeys(SHARED, 0) for pair in combinations(SPLITS, 2)},
                "splits": {"test": {"patients": len(PATIENTS)}},
            },
        }
        with staged(path) as staging:
            (staging / "evidence.json").write_text(json.dumps(told, indent=1, sort_keys=True))
            save_file(named, staging / "predictions.safetensors")
            self._pictures(staging, named, teacher, f"{variant} on {target}")
            inputs = {"graph": open_artifact(graph).digest}
            commit(staging, path, {"component": "evaluate", "inputs": inputs, "labels": {"source": self.source}})
        return path

    def _pictures(
        self, folder: Path, named: Mapping[str, np.ndarray[Any, Any]], teacher: np.ndarray[Any, Any], title: str
    ) -> None:
        if not self.drawn:
            for picture in PICTURES:
                _draw(folder / picture)
            return
        from bedside.evaluation import Predictions
        from bedside.evaluation.pictures import draw

        both = [
            Predictions.of(**{**named, "logits": logits}, outcome=self.outcome) for logits in (named["logits"], teacher)
        ]
        time = np.linspace(-1, 1, 120)
        beat = np.exp(-((time * 8) ** 2)) - 0.3 * np.exp(-(((time - 0.2) * 10) ** 2))
        signal = np.repeat(beat[None, None], len(teacher), 0) + np.random.default_rng(0).normal(
            0, 0.03, (len(teacher), 2, 120)
        )
        draw(folder, *both, inputs={"ecg": signal.astype(np.float32)}, records=PATIENTS, patients=PATIENTS, title=title)


def rewritten(path: Path, file: str, **changes: object) -> None:
    """An artifact that was honestly written with other content: digests and seal fit."""
    old = open_artifact(path)
    content = {**old.json(file), **changes}
    with staged(path) as staging:
        for name in old.manifest["files"]:
            shutil.copyfile(path / name, staging / name)
        (staging / file).write_text(json.dumps(content))
        record = {name: value for name, value in old.manifest.items() if name not in ("files", "schema")}
        commit(staging, path, record)


def _cohort(seed: int) -> tuple[dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Labels, records, patients and samples of every window, and a good teacher's logits."""
    generator = np.random.default_rng(seed)
    per_patient = np.repeat([0, 1, 2, 3], [60, 12, 30, 2])
    label = np.concatenate([generator.permutation(per_patient) for _ in PATIENTS])
    patient = np.repeat(np.arange(len(PATIENTS)), len(per_patient))
    sample = np.tile(np.arange(1, len(per_patient) + 1) * 300, len(PATIENTS))
    wrong = generator.random(len(label)) < 0.02
    called = np.where(wrong, generator.integers(0, 4, len(label)), label)
    logits = generator.normal(0, 0.3, (len(label), 4)).astype(np.float32)
    logits[np.arange(len(label)), called] += 4
    return {"label": label, "record": patient, "patient": patient, "sample": sample}, logits


def _missing(
    windows: Mapping[str, np.ndarray[Any, Any]], teacher: np.ndarray[Any, Any], share: float
) -> np.ndarray[Any, Any]:
    """The teacher's logits with this share of each patient's V beats called N."""
    logits = teacher.copy()
    for patient in range(len(PATIENTS)):
        beats = np.flatnonzero((windows["patient"] == patient) & (windows["label"] == 2))
        for beat in beats[: round(share * len(beats))]:
            logits[beat, 0] = logits[beat].max() + 4
    return logits


NO_PAIRS = {"limit": 128, "layers": {}, "unknown": [], "safe": True, "exact_kernels": None}


def _cost(variant: str, p99_ms: float, size: int, cpu_kind: str) -> dict[str, Any]:
    times = {name: p99_ms * share for name, share in (("p50_ms", 0.7), ("p90_ms", 0.9), ("p99_ms", 1.0))}
    faster = 12.0 / p99_ms
    alike = {"max_abs_difference": 1e-6, "label_changes": 0, "windows": 100}
    ratio = {"median": faster, "lowest": faster * 0.9, "highest": faster * 1.1}
    figures = {
        "latency": {
            **times,
            "p99_9_ms": p99_ms * 1.3,
            "times_faster": {"p50": ratio, "p99": ratio},
            "runs_per_window": 1000,
            "window_p50_ms": [times["p50_ms"]],
            "against_plain": None,
        },
        "throughput": {"1": {"p50_ms": times["p50_ms"], "windows_per_second": 1000 / times["p50_ms"]}},
        "cold_start": {"load_and_answer_ms": 30.0, "import_ms": 80.0},
        "memory": {"peak_rss_mb": 60.0, "runtime_rss_mb": 52.0, "model_rss_mb": 8.0},
        "energy": {"millijoule_per_window": None},
        "size_bytes": size,
    }
    return {
        **figures,
        "test": {"digest": "1" * 64},
        "complexity": {"parameters": size // 4, "macs": size * 2, "activation_peak_bytes": 20_000},
        "parity": {"kind": "fp32", **alike, "on_target": alike},
        "audit": {"integer_operators": {}, "float_operators": {"Gemm": 1}, "variant": variant, "pairs": NO_PAIRS},
        "environment": {"cpu": "a test's imagination", "cpu_kind": cpu_kind, "emulated": False},
        "provenance": provenance(figures, "measured"),
    }


def _onnx(name: str, size: int) -> bytes:
    import onnx
    from onnx import TensorProto, helper

    shape = [None, len(OUTCOME.classes)]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["signal"], ["logits"])],
        name,
        [helper.make_tensor_value_info("signal", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph)
    model.doc_string = " " * size
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _draw(path: Path) -> None:
    """A small real PNG: a grey square."""
    rows = (b"\0" + bytes([200]) * 64) * 64
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    told = [struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d)) for name, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(told))
