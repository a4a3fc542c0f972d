"""Give a network an early exit: a head after its first blocks answers where it is sure, and the rest is skipped."""

from typing import Any, ClassVar

import pydantic

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.adaptive import Switching, settle_thresholds
from bedside.compression.distillation import SoftTargets, distillation_loss
from bedside.compression.fidelity import fidelity
from bedside.models import Architecture, Network, described, load, save
from bedside.models.edits.early_exit import EarlyExit, Frozen, split
from bedside.models.forms import require_float
from bedside.models.perceptron import Perceptron
from bedside.models.switched import Alone, SwitchedNetwork
from bedside.params import Params
from bedside.plugins import Choice
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.stages import Validation, built, open_splits, parameters, validation_metrics


class FitEarlyExit(Params):
    """Where the exit leaves the parent, what reads the features there, and how it learns what the parent answers."""

    after: str = pydantic.Field(description="the path of a module that all of one input passes through")
    exit: Choice[Architecture] = pydantic.Field(
        default=Perceptron(), description="reads what that module answers, in the input's place"
    )
    soft_targets: SoftTargets = SoftTargets()
    training: Training = Training(epochs=4, learning_rate=2e-3)
    switching: Switching = Switching()
    validation: Validation = Validation()

    example: ClassVar[dict[str, Any]] = {
        "after": "convolutions.0",
        "exit": {"kind": "perceptron", "hidden": [8]},
        "training": {"epochs": 1, "sampling": {"windows": 64}},
        "switching": {"fidelity": 0.9, "most": 1.0},
    }
    no_gain: ClassVar[dict[str, Any]] = {
        "after": "convolutions.0",
        "training": {"epochs": 0},
        "switching": {"fidelity": 1.0, "most": 0.01},
    }


@component(image="train", takes=("float",), gives="two_step")
def early_exit(
    *, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: FitEarlyExit
) -> Metrics:
    """Distil the parent into an exit after its first blocks, which stay as they are; choose when the exit counts."""
    del teacher  # windows that do not leave early are answered by the parent: that is what the exit must agree with
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    shape, full = described(parent), load(parent)
    require_float("early_exit", shape)
    cut = split(full, splits.inputs, params.after)
    head = built(Network.of(params.exit, cut.inputs(splits.inputs), len(splits.classes)), splits, "exit")
    edit = EarlyExit(after=params.after, exit=params.exit.fitted(cut.inputs(splits.inputs), len(splits.classes)))
    network = SwitchedNetwork(head, cut.rest, len(splits.classes), Frozen(cut.trunk), cut.replaced)
    leaving = Alone(network.first, network)
    loss, score = distillation_loss(params.soft_targets, full), fidelity(full, splits)
    fit(leaving, splits.train, len(splits.classes), params.training, loss, score, name="exit")
    figures = settle_thresholds(network, splits, params.switching)
    save(network, shape.edited(edit), student)
    return {
        "model/parameters": float(parameters(network)),
        "model/parameters_of_exit": float(parameters(network.first)),
        **figures,
        **validation_metrics(network, splits),
    }


if __name__ == "__main__":
    early_exit.main()
