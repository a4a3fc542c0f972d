"""Distil the teacher into a compact student, then fine-tune it on the rare conditions it still misses."""

from typing import Any, ClassVar

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.distillation import (
    EdgeCases,
    SoftTargets,
    distillation_loss,
    edge_cases,
    subset,
    without_forgetting,
)
from bedside.compression.gain import require_fewer_parameters
from bedside.models import Architecture, load, save
from bedside.params import Params
from bedside.plugins import Choice
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.stages import Validation, open_splits, parameters, settle_operating_point, validation_metrics
from bedside.training.validation import logits_of


class Distill(Params):
    """The student, what it imitates, and its last step on edge cases."""

    student: Choice[Architecture]
    soft_targets: SoftTargets = SoftTargets()
    training: Training = Training()
    edge_cases: EdgeCases = EdgeCases()
    edge_training: Training = Training(epochs=2, learning_rate=2e-4)
    validation: Validation = Validation()
    least_share: float = 0.3

    example: ClassVar[dict[str, Any]] = {
        "student": {"kind": "cnn_lstm", "convolutions": [{"channels": 8, "kernel": 7, "stride": 4}], "head": 8},
        "training": {"epochs": 1, "sampling": {"windows": 64}},
        "edge_training": {"epochs": 1, "sampling": {"windows": 64}},
    }
    no_gain: ClassVar[dict[str, Any]] = {
        "student": {"kind": "cnn_lstm", "convolutions": [{"channels": 64, "kernel": 7}], "lstm": [32], "head": 64},
    }


@component(image="train", gives="{params[student][kind]}")
def distill(*, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: Distill) -> Metrics:
    """Train a compact student on its parent's soft targets; validation patients choose the epoch."""
    del teacher  # an assistant chain names the assistant as parent
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    shape = splits.fitted(params.student)
    guide, network = load(parent), shape.network()
    removed = require_fewer_parameters("distill", guide, network, params.least_share)
    loss = distillation_loss(params.soft_targets, guide)
    fit(network, splits.train, len(splits.classes), params.training, loss, splits.score, name="soft-targets")

    rows = edge_cases(
        params.edge_cases, splits.classes, logits_of(network, splits.train), splits.train.label, params.training.seed
    )
    before = splits.score(network)
    guarded = without_forgetting(splits.score, before, params.edge_cases.tolerance)
    chosen = subset(splits.train, rows)
    history = fit(network, chosen, len(splits.classes), params.edge_training, loss, guarded, name="edge-cases")

    settle_operating_point(network, splits)
    save(network, shape, student)
    return {
        "model/parameters": float(parameters(network)),
        "model/parameters_removed": removed,
        "edge_cases/windows": float(len(rows)),
        "edge_cases/kept_epoch": float(max(range(len(history)), key=lambda e: history[e]["score"])),
        **validation_metrics(network, splits),
    }


if __name__ == "__main__":
    distill.main()
