"""Quantization-aware training: from a float network to one whose weights and ranges are ready for int8 kernels."""

from typing import Any, ClassVar

import torch

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.distillation import SoftTargets, distillation_loss
from bedside.compression.fidelity import fidelity
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.models import load, save
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork
from bedside.models.io import architecture_of
from bedside.models.quantized_cnn_lstm import QuantizedCnnLstm, QuantizedCnnLstmNetwork, quantized
from bedside.params import Params
from bedside.training.batches import Tensors
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.stages import Validation, open_splits, parameters, settle_operating_point, validation_metrics


class Quantize(Params):
    """How the quantized network learns to live on its grid."""

    soft_targets: SoftTargets = SoftTargets(temperature=2.0, alpha=0.9)
    training: Training = Training(epochs=2, learning_rate=1e-4, weight_decay=0.0)
    validation: Validation = Validation()

    example: ClassVar[dict[str, Any]] = {"training": {"epochs": 1, "sampling": {"windows": 64}}}


@component(image="train", takes=("cnn_lstm",), gives="quantized_cnn_lstm")
def quantize(*, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: Quantize) -> Metrics:
    """Calibrate ranges on calibration patients, train with rounding in the loop, and settle weights on their grid."""
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    shape, source = architecture_of(parent), load(parent)
    if not isinstance(shape, CnnLstm) or not isinstance(source, CnnLstmNetwork):
        raise RefusedError(f"quantize takes a float cnn_lstm, not a {shape.kind}; quantize once, last (params.yaml)")
    network = quantized(source, shape)
    calibrate(network, Tensors.of(load_split(dataset, "calibration")))
    guide = load(teacher)
    loss, score = distillation_loss(params.soft_targets, guide), fidelity(guide, splits)
    history = fit(network, splits.train, len(splits.classes), params.training, loss, score)
    settle_operating_point(network, splits)
    network.settle()
    save(network.eval(), QuantizedCnnLstm(float_shape=shape), student)
    return {
        "model/parameters": float(parameters(network)),
        "validation/fidelity_without_training": history[0]["score"],
        "validation/fidelity": max(entry["score"] for entry in history),
        **validation_metrics(network, splits),
    }


def calibrate(network: QuantizedCnnLstmNetwork, data: Tensors, batch: int = 256) -> None:
    """Let every activation range see the calibration patients once, before any weight moves."""
    network.train()
    with torch.no_grad():
        for signal, rhythm in zip(torch.split(data.signal, batch), torch.split(data.rhythm, batch), strict=True):
            network(signal, rhythm)
    network.eval()


if __name__ == "__main__":
    quantize.main()
