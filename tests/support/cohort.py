"""A small made-up test split with known errors, for everything that counts or judges."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.evaluation import Predictions, evidence
from bedside.tasks.ecg_beats.outcome import OUTCOME

CLASSES = OUTCOME.classes
SHARED = ("shared_patients", "shared_records", "shared_windows")
SPLITS = ("train", "validation", "calibration", "test")
PAIRS = [f"{one}/{other}" for one, other in itertools.combinations(SPLITS, 2)]
Array = npt.NDArray[Any]
Wrong = Mapping[
    tuple[int, str], tuple[int, str]
]  # (patient, class) -> (how many of its first beats, what they are called)


@dataclass(frozen=True)
class Cohort:
    """The same beats in every patient: N, S, V, F and unscored Q beats, half a second apart."""

    patients: int = 14
    beats: Mapping[str, int] = field(default_factory=lambda: {"N": 400, "S": 30, "V": 50, "F": 4, "Q": 1})

    @property
    def label(self) -> Array:
        one = [CLASSES.index(name) if name != "Q" else -1 for name, count in self.beats.items() for _ in range(count)]
        return np.tile(np.array(one, dtype=np.int64), self.patients)

    @property
    def patient(self) -> Array:
        return np.repeat(np.arange(self.patients), sum(self.beats.values()))

    @property
    def sample(self) -> Array:
        return np.tile(np.arange(sum(self.beats.values())) * 180, self.patients)

    @property
    def names(self) -> list[str]:
        return [f"p{index:02}" for index in range(self.patients)]

    def answers(self, wrong: Wrong, skip: int = 0) -> Predictions:
        """Right answers but for `wrong`, which spares the first `skip` beats of each class; Q beats are called N."""
        called = np.maximum(self.label, 0)
        for (patient, name), (count, instead) in wrong.items():
            own = np.flatnonzero((self.patient == patient) & (self.label == CLASSES.index(name)))
            called[own[skip : skip + count]] = CLASSES.index(instead)
        return self.predictions(called)

    def predictions(self, called: Array, label: Array | None = None) -> Predictions:
        """Predictions that call every beat as told."""
        return Predictions.of(
            logits=4.0 * np.eye(len(CLASSES))[called],
            label=self.label if label is None else label,
            record=self.patient,
            patient=self.patient,
            sample=self.sample,
            outcome=OUTCOME,
        )

    def evidence(self, candidate: Predictions, reference: Predictions, **changes: Any) -> dict[str, Any]:
        """The clinical part of the evidence."""
        arguments: dict[str, Any] = {
            "records": self.names,
            "patients": self.names,
            "rate": 360.0,
            "replicates": 400,
        } | changes
        return evidence(
            candidate.logits,
            candidate.label,
            candidate.record,
            candidate.patient,
            candidate.sample,
            reference.logits,
            outcome=candidate.outcome,
            **arguments,
        )


def everyone(cohort: Cohort, name: str, count: int, instead: str, patients: Sequence[int] | None = None) -> Wrong:
    """The same errors in every patient (or in `patients`)."""
    return {(p, name): (count, instead) for p in (range(cohort.patients) if patients is None else patients)}


def measured(clinical: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Evidence as the evaluate stage writes it around the clinical part: an fp32 graph within its budget."""
    figures = ("size_bytes", "latency.p99_ms", "memory.peak_rss_mb")
    return {
        **clinical,
        "deployment": {"variant": "pruned", "target": "onnxruntime-cpu"},
        "graph_sha256": "0" * 64,
        "reference_sha256": "0" * 64,
        "proof": {
            "overlaps": {pair: dict.fromkeys(SHARED, 0) for pair in PAIRS},
            "splits": {"test": {"patients": 22}},  # as many as the proposed gates ask for, however few have beats here
        },
        "parity": {
            "kind": "fp32",
            **{"max_abs_difference": 2e-6, "label_changes": 0, "windows": 512},
            "on_target": {"max_abs_difference": 3e-6, "label_changes": 0, "windows": 64},
        },
        "audit": {"pairs": {"limit": 128, "layers": {}, "unknown": [], "safe": True, "exact_kernels": None}},
        "size_bytes": 90_000,
        "latency": {"p99_ms": 0.4, "runs_per_window": 50, "window_p50_ms": [0.3, 0.3], "against_plain": None},
        "environment": {"cpu": "a test's imagination", "cpu_kind": "x86-64 avx2", "emulated": False},
        "test": {"digest": "1" * 64},
        "memory": {"peak_rss_mb": 60.0},
        "provenance": dict.fromkeys(figures, "measured"),
        **changes,
    }
