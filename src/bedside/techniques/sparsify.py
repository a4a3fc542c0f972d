"""Make single weights zero by magnitude, in steps with fine-tuning, or with a rewind to find a lottery ticket.

A dense runtime gains nothing from this: the graph stays as large and as slow. The stage reports what there is to
report, the share of zeros and the size after gzip, and refuses when these did not improve. A later fine-tuning fills
zeros again, so this is the last technique on its branch.
"""

import functools
from typing import Any, ClassVar

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.distillation import SoftTargets, distillation_loss
from bedside.compression.fidelity import fidelity
from bedside.compression.gain import LeastShare
from bedside.compression.pruning.masks import held, largest, require_sparser
from bedside.compression.pruning.rewind import Rewind, start_of
from bedside.compression.pruning.schedule import Cubic, Schedule
from bedside.models import described, load, save
from bedside.models.forms import require_float
from bedside.params import Params
from bedside.plugins import Choice
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.stages import Validation, open_splits, parameters, validation_metrics


class Sparsify(Params):
    """How many weights of each layer go when, what the others go back to, and their training after each step.

    A lottery ticket (`rewind: initial`) is trained from scratch: give it the parent's own `training`.
    """

    schedule: Choice[Schedule] = Cubic(ratio=0.8, steps=4)
    rewind: Rewind = "none"
    soft_targets: SoftTargets = SoftTargets()
    training: Training = Training(epochs=3, learning_rate=5e-4)
    validation: Validation = Validation()
    least_share: LeastShare = 0.3

    example: ClassVar[dict[str, Any]] = {
        "schedule": {"ratio": 0.8, "steps": 1},
        "training": {"epochs": 1, "sampling": {"windows": 64}},
    }
    no_gain: ClassVar[dict[str, Any]] = {"schedule": {"ratio": 0.1, "steps": 1}, "training": {"epochs": 0}}


@component(image="train", takes=("float",))
def sparsify(*, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: Sparsify) -> Metrics:
    """Zero the smallest weights of each layer in steps; what is zero stays zero through the fine-tuning after it."""
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    guide = load(teacher)
    loss, score = distillation_loss(params.soft_targets, guide), fidelity(guide, splits)
    shape, network, before = described(parent), load(parent), load(parent)
    require_float("sparsify", shape)
    start = start_of(parent, params.rewind)
    for step in range(1, params.schedule.steps + 1):
        masks = largest(network, functools.partial(params.schedule.kept, params.schedule.removed(step)))
        if start is not None:
            network.load_state_dict(start)
        with held(network, masks):
            fit(network, splits.train, len(splits.classes), params.training, loss, score, name=f"step-{step}")
    gained = require_sparser(before, network, params.least_share)
    save(network, shape, student)
    return {
        "model/parameters": float(parameters(network)),
        **gained,
        "validation/fidelity": score(network)["score"],
        **validation_metrics(network, splits),
    }


if __name__ == "__main__":
    sparsify.main()
