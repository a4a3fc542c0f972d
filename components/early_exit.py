"""Give a network an early exit: a head after its first blocks answers where it is sure, and the rest is skipped."""

from typing import Any, ClassVar

from pydantic import PositiveInt

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.adaptive import Switching, settle_thresholds
from bedside.compression.distillation import SoftTargets, distillation_loss
from bedside.compression.fidelity import fidelity
from bedside.errors import RefusedError
from bedside.models import load, save
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork
from bedside.models.early_exit import EarlyExit, cut
from bedside.models.io import architecture_of
from bedside.models.switched import Alone
from bedside.params import Params
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.stages import Validation, open_splits, parameters, validation_metrics


class FitEarlyExit(Params):
    """Where the exit leaves the parent, what reads the features there, and how it learns what the parent answers."""

    after: PositiveInt = 1
    exit: CnnLstm = CnnLstm(convolutions=(), head=32)
    soft_targets: SoftTargets = SoftTargets()
    training: Training = Training(epochs=4, learning_rate=2e-3)
    switching: Switching = Switching()
    validation: Validation = Validation()

    example: ClassVar[dict[str, Any]] = {
        "exit": {"convolutions": [{"channels": 4, "kernel": 5, "stride": 4}], "head": 8},
        "training": {"epochs": 1, "sampling": {"windows": 64}},
        "switching": {"fidelity": 0.9, "most": 1.0},
    }
    no_gain: ClassVar[dict[str, Any]] = {"training": {"epochs": 0}, "switching": {"fidelity": 1.0, "most": 0.01}}


@component(image="train", takes=("cnn_lstm",), gives="early_exit")
def early_exit(
    *, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: FitEarlyExit
) -> Metrics:
    """Distil the parent into an exit after its first blocks, which stay as they are; choose when the exit counts."""
    del teacher  # windows that do not leave early are answered by the parent: that is what the exit must agree with
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    shape, full = architecture_of(parent), load(parent)
    if not isinstance(shape, CnnLstm) or not isinstance(full, CnnLstmNetwork):
        raise RefusedError(f"early_exit takes a float cnn_lstm, not a {shape.kind}; name such a parent (params.yaml)")
    if params.after > len(shape.convolutions):
        raise RefusedError(f"after: {params.after}, but the parent has {len(shape.convolutions)} convolution blocks")
    shape = splits.fitted(EarlyExit(full=shape, exit=params.exit, after=params.after))
    network = cut(full, shape)
    leaving = Alone(network.first, network)
    loss, score = distillation_loss(params.soft_targets, full), fidelity(full, splits)
    fit(leaving, splits.train, len(splits.classes), params.training, loss, score, name="exit")
    figures = settle_thresholds(network, splits, params.switching)
    save(network, shape, student)
    return {
        "model/parameters": float(parameters(network)),
        "model/parameters_of_exit": float(parameters(network.first)),
        **figures,
        **validation_metrics(network, splits),
    }


if __name__ == "__main__":
    early_exit.main()
