"""The seven ready-made networks as they are tried, and what each technique is asked of each of them."""

from typing import Any

TRAINING = {"epochs": 2, "sampling": {"windows": 2000, "batch": 64}}
NETWORKS: dict[str, dict[str, Any]] = {
    "cnn_lstm": {
        "convolutions": [{"channels": 32, "kernel": 7, "stride": 2}, {"channels": 64, "kernel": 5, "stride": 2}],
        "lstm": [64],
        "head": 32,
    },
    "resnet1d": {"widths": [32, 64, 64]},
    "tcn": {"widths": [32, 32, 32, 32]},
    "inception_time": {"depth": 3, "filters": 16},
    "eegnet": {"temporal": 16, "separable": 32},
    "bigru": {"units": 64, "stem": 32},
    "transformer": {"width": 32, "hidden": 128, "layers": 2},
}
STUDENTS: dict[str, dict[str, Any]] = {
    "cnn_lstm": {"convolutions": [{"channels": 16, "kernel": 7, "stride": 4}], "lstm": [16], "head": 16},
    "resnet1d": {"widths": [16, 32]},
    "tcn": {"widths": [16, 16, 16]},
    "inception_time": {"depth": 2, "filters": 8, "bottleneck": 8},
    "eegnet": {"temporal": 8, "separable": 8},
    "bigru": {"units": 32, "stem": 16},
    "transformer": {"width": 16, "hidden": 64, "layers": 1},
}
# A module of each that all of the signal passes through.
BEHIND = {
    "cnn_lstm": "convolutions.0",
    "resnet1d": "blocks.0",
    "tcn": "blocks.1",
    "inception_time": "modules_in_line.0",
    "eegnet": "separable_norm",
    "bigru": "stem",
    "transformer": "encoders.0",
}
TECHNIQUES = ("distill", "prune", "quantize", "factorize", "substitute", "sparsify", "early_exit", "cascade")


def asked(technique: str, kind: str, training: dict[str, Any]) -> dict[str, Any]:
    """The parameters with which a technique is tried on a network of this kind."""
    quick = {**training, "epochs": 1}
    every: dict[str, dict[str, Any]] = {
        "distill": {
            "student": {"kind": kind, **STUDENTS[kind]},
            "training": training,
            "edge_training": {**quick, "epochs": 0},
        },
        "prune": {"schedule": {"kind": "one_shot", "ratio": 0.5, "multiple": 4}, "training": quick},
        "quantize": {"training": {**quick, "learning_rate": 0.0002}, "gain": {"smaller": 0.0}},
        "factorize": {"energy": 0.9, "training": quick},
        "substitute": {"training": quick},
        "sparsify": {"schedule": {"kind": "one_shot", "ratio": 0.8, "multiple": 1}, "training": quick},
        "early_exit": {
            "after": BEHIND[kind],
            "exit": {"kind": "perceptron", "hidden": [16]},
            "training": quick,
            "switching": {"fidelity": 0.9, "most": 1.0},
        },
        "cascade": {"switching": {"fidelity": 0.95, "most": 1.0}},
    }
    return every[technique]
