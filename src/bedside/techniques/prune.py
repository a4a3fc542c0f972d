"""Prune whole channels, LSTM cells and neurons, so that every runtime gains; fine-tune after each step."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import pydantic

from bedside.artifacts import DatasetIn, ModelIn, ModelOut, write_json
from bedside.component import Metrics, component
from bedside.compression.distillation import SoftTargets, distillation_loss
from bedside.compression.fidelity import fidelity
from bedside.compression.gain import LeastShare, require_fewer_parameters
from bedside.compression.pruning.allocation import Allocation, Uniform
from bedside.compression.pruning.base import Importance
from bedside.compression.pruning.cost import Cost, macs
from bedside.compression.pruning.layer_scan import Curves, Scan, falls, judgement, scan
from bedside.compression.pruning.schedule import Cubic, Schedule, most_important
from bedside.compression.pruning.surgery import require_units, shrink
from bedside.compression.pruning.taylor import Taylor
from bedside.models import described, load, save
from bedside.models.forms import require_float
from bedside.params import Params
from bedside.plugins import Choice
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.stages import Validation, open_splits, parameters, validation_metrics


class Prune(Params):
    """What scores a unit, how the layers' sensitivity is found and heeded, how many go when, and the fine-tuning."""

    importance: Choice[Importance] = Taylor()
    scan: Scan = Scan()
    allocation: Choice[Allocation] = Uniform()
    schedule: Choice[Schedule] = Cubic()
    guide: Literal["teacher", "parent"] = pydantic.Field(
        default="teacher", description="who is imitated; a parent far smaller than the teacher answers far faster"
    )
    soft_targets: SoftTargets = SoftTargets()
    training: Training = Training(epochs=3, learning_rate=5e-4)
    validation: Validation = Validation()
    least_share: LeastShare = 0.05

    example: ClassVar[dict[str, Any]] = {
        "schedule": {"ratio": 0.5, "steps": 1, "multiple": 2},
        "training": {"epochs": 1, "sampling": {"windows": 64}},
    }
    no_gain: ClassVar[dict[str, Any]] = {
        "schedule": {"ratio": 0.1, "steps": 1, "multiple": 64},
        "training": {"epochs": 0},
    }


@component(image="train", takes=("float",))
def prune(*, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: Prune) -> Metrics:
    """Remove the least important units of the parent in steps, each followed by fine-tuning."""
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    guide = load(parent if params.guide == "parent" else teacher)
    loss, score = distillation_loss(params.soft_targets, guide), fidelity(guide, splits)
    shape, before = described(parent), load(parent)
    require_float("prune", shape)
    network, cost = before, macs(before, splits.inputs)
    require_units(network, splits.inputs)
    scores = params.importance.scores(network, splits.validation, len(splits.classes))
    judge = judgement(guide, splits, params.scan.windows)
    curves = scan(network, splits.inputs, scores, judge, params.scan.shares)
    for step, counts in enumerate(plan(params, cost, curves), start=1):
        scores = params.importance.scores(network, splits.validation, len(splits.classes))
        network, edit = shrink(network, splits.inputs, most_important(scores, counts))
        shape = shape.edited(edit)
        fit(network, splits.train, len(splits.classes), params.training, loss, score, name=f"step-{step}")
    removed = require_fewer_parameters("prune", before, network, params.least_share)
    left = macs(network, splits.inputs).whole
    save(network, shape, student)
    write_json(student / "layer_scan.json", curves)
    return {
        "model/parameters": float(parameters(network)),
        "model/parameters_removed": removed,
        "model/macs": float(left),
        "model/macs_removed": 1 - left / cost.whole,
        **falls(curves),
        "validation/fidelity": score(network)["score"],
        **validation_metrics(network, splits),
    }


def plan(params: Prune, macs_left: Cost, curves: Curves) -> list[dict[str, int]]:
    """How many units of each group are left after each step."""
    units = {name: int(points[0]["units"]) for name, points in curves.items()}

    def counts(shares: Mapping[str, float]) -> dict[str, int]:
        return {name: params.schedule.kept(shares[name], units[name]) for name in units}

    def cost(shares: Mapping[str, float]) -> int:
        return macs_left(counts(shares))

    removed = [params.schedule.removed(step) for step in range(1, params.schedule.steps + 1)]
    return [counts(params.allocation.shares(share, curves, cost)) for share in removed]


if __name__ == "__main__":
    prune.main()
