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
