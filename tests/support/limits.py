"""The proposed gates and a budget, and a way to change one number of them."""

import copy
from typing import Any

from bedside.gates import Budget, Gates
from bedside.params import validate

GATES: dict[str, Any] = {
    "classes": {"V": {"required": True}, "S": {"required": False}},
    "G1": {"shared": 0, "test_patients": 22},
    "G2": {"patients": 10, "events": 100},
    "G3": {
        "interval": "patients",
        "floors": {"V": {"gross": 0.90, "lower": 0.80}, "S": {"gross": 0.70, "lower": 0.50}},
        "normal_specificity": 0.90,
    },
    "G4": {"floors": {"V": 0.85, "S": 0.50}},
    "G5": {
        "delta": {"V": 0.02, "S": 0.03},
        "gross_confidence": 0.995,
        "average_confidence": 0.975,
        "macro_f1_ratio": 0.99,
        "macro_f1_classes": ["N", "S", "V"],
        "replicates": 2000,
        "seed": 0,
    },
    "G7": {"classes": {"V": 0.01, "S": 0.02}, "all": 0.02, "patient": 0.10},
    "G8": {"events": 20, "fall": {"V": 0.10}},
    "G14": {"max_logit_difference": 1e-4, "label_changes": 0},
    "G15": {"provenance": "measured"},
    "G19": {"provenance": "measured"},
}
BUDGET = Budget(size_bytes=200_000, p99_ms=1.0, peak_rss_mb=100.0, slower=0.1, cheaper=0.1)
ABSENT = object()
NAN, INF = float("nan"), float("inf")
# What is wrong with a number, at its dotted path, and the words that must say so.
MALFORMED: list[tuple[str, Any, str]] = [
    *((gate, ABSENT, f"gates.{gate}: Field required") for gate in GATES),
    ("G3.floors.V.lower", ABSENT, "gates.G3.floors.V.lower: Field required"),
    ("G5.delta", ABSENT, "gates.G5.delta: Field required"),
    ("G3.floors.V.gross", NAN, "gates.G3.floors.V.gross"),
    ("G3.floors.V.gross", "nan", "gates.G3.floors.V.gross"),
    ("G5.delta.V", INF, "gates.G5.delta.V"),
    ("G7.all", None, "gates.G7.all"),
    ("G3.floors.V.lower", 0.95, r"gates.G3.floors.V: inverted: the lower bound's floor 0.95 is above .* 0.9"),
    ("G7.patient", 0.01, "gates.G7: inverted"),
    ("G3.floors.V.gross", 1.5, "gates.G3.floors.V.gross: Input should be less than 1"),
    ("G3.floors.V.gross", 90, "gates.G3.floors.V.gross"),
    ("G4.floors.V", -0.1, "gates.G4.floors.V"),
    ("G4.floors.V", 0, "gates.G4.floors.V"),
    ("G5.delta.V", 1.0, "gates.G5.delta.V"),
    ("G5.gross_confidence", 0.5, "gates.G5.gross_confidence"),
    ("G5.macro_f1_ratio", 0.0, "gates.G5.macro_f1_ratio"),
    ("G5.macro_f1_classes", [], "gates.G5.macro_f1_classes"),
    ("G1.shared", 1, "gates.G1.shared"),
    ("G1.test_patients", ABSENT, "gates.G1.test_patients: Field required"),
    ("G1.test_patients", 1, "gates.G1.test_patients"),
    ("G2.patients", 0, "gates.G2.patients"),
    ("G14.max_logit_difference", 10, "gates.G14.max_logit_difference"),
    ("G15.provenance", "estimated", "gates.G15.provenance"),
    ("G19.provenance", "emulated", "gates.G19.provenance"),
    ("G9", {"ece": 0.05}, "gates.G9: unknown parameter"),
    ("G3.floor", {}, "gates.G3.floor: unknown parameter; known: interval, floors.*did you mean 'floors'"),
    ("classes", {}, "gates.classes"),
    ("classes.V.required", False, "none is required"),
    ("classes.F", {"required": False}, "G3.floors: no number for class 'F'"),
    ("G7.classes.F", 0.01, "G7.classes: F not in `classes`"),
    ("G8.fall", {}, "G8.fall: no number for class 'V', which is required"),
    ("classes.S.required", True, "G8.fall: no number for class 'S', which is required; give it one"),
]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The raw gates with the number at a dotted path replaced, or taken out by `ABSENT`."""
    raw = copy.deepcopy(GATES)
    *parents, last = path.split(".")
    inner = raw
    for parent in parents:
        inner = inner[parent]
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return raw


def gates(path: str | None = None, value: Any = None) -> Gates:
    """The proposed gates, with one number changed if asked."""
    return validate(Gates, GATES if path is None else changed(path, value), where="params.yaml:gates")
