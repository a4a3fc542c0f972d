"""Prune whole channels, LSTM cells and neurons, so that every runtime gains; fine-tune after each step."""

from typing import Any, ClassVar

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.distillation import SoftTargets, distillation_loss
from bedside.compression.fidelity import fidelity
from bedside.compression.gain import require_fewer_parameters
from bedside.compression.pruning.base import Importance
from bedside.compression.pruning.schedule import Schedule, most_important
from bedside.compression.pruning.surgery import groups, shrink
from bedside.compression.pruning.taylor import Taylor
from bedside.errors import RefusedError
from bedside.models import load, save
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork
from bedside.models.io import architecture_of
from bedside.params import Params
from bedside.plugins import Choice
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.stages import Validation, open_splits, parameters, settle_operating_point, validation_metrics


class Prune(Params):
    """What scores a unit, how many go when, and the fine-tuning after each step."""

    importance: Choice[Importance] = Taylor()
    schedule: Schedule = Schedule()
    soft_targets: SoftTargets = SoftTargets()
    training: Training = Training(epochs=3, learning_rate=5e-4)
    validation: Validation = Validation()
    least_share: float = 0.05

    example: ClassVar[dict[str, Any]] = {
        "schedule": {"ratio": 0.5, "steps": 1, "multiple": 2},
        "training": {"epochs": 1, "sampling": {"windows": 64}},
    }
    no_gain: ClassVar[dict[str, Any]] = {
        "schedule": {"ratio": 0.1, "steps": 1, "multiple": 64},
        "training": {"epochs": 0},
    }


@component(image="train", takes=("cnn_lstm",), gives="cnn_lstm")
def prune(*, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: Prune) -> Metrics:
    """Remove the least important units of the parent in steps, each followed by fine-tuning."""
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    guide = load(teacher)
    loss, score = distillation_loss(params.soft_targets, guide), fidelity(guide, splits)
    shape, before = architecture_of(parent), load(parent)
    if not isinstance(shape, CnnLstm) or not isinstance(before, CnnLstmNetwork):
        raise RefusedError(f"prune takes a float cnn_lstm, not a {shape.kind}; prune before quantizing (params.yaml)")
    network = before
    original = {name: group.units for name, group in groups(before).items()}
    for step in range(1, params.schedule.steps + 1):
        scores = params.importance.scores(network, splits.validation, len(splits.classes))
        counts = {name: params.schedule.kept(step, original[name], len(score)) for name, score in scores.items()}
        network, shape = shrink(network, shape, most_important(scores, counts))
        fit(network, splits.train, len(splits.classes), params.training, loss, score, name=f"step-{step}")
    removed = require_fewer_parameters("prune", before, network, params.least_share)
    settle_operating_point(network, splits)
    save(network, shape, student)
    return {
        "model/parameters": float(parameters(network)),
        "model/parameters_removed": removed,
        **validation_metrics(network, splits),
    }


if __name__ == "__main__":
    prune.main()
