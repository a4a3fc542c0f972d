"""Quantization, after training or in training: from a float network to weights and ranges for int8 kernels."""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal, Self

import pydantic

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.bit_widths import Bits, Mixed, harm
from bedside.compression.distillation import SoftTargets, distillation_loss
from bedside.compression.fidelity import fidelity
from bedside.compression.gain import IntegerGain, require_smaller
from bedside.compression.ranges.base import Ranges
from bedside.compression.ranges.calibration import calibrate
from bedside.compression.ranges.moving_average import MovingAverage
from bedside.datasets.windows import load_split
from bedside.graph.export import export
from bedside.models import described, load, save
from bedside.models.edits.quantized import Quantized, grids, quantized, settle, use
from bedside.models.forms import require_float
from bedside.params import Params
from bedside.plugins import Choice
from bedside.targets.onnxruntime import OnnxRuntime
from bedside.training.batches import Tensors
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.stages import Validation, open_splits, parameters, validation_metrics


class Quantize(Params):
    """What is rounded, where ranges come from, and how long the network trains on its grid (`epochs: 0`: not at all).

    `activations`: 8, uint8 and integer kernels; dynamic, not rounded beforehand: int8 weights, and integers only where
    a runtime quantizes per call (LSTMs); 16, uint16 grids for what 8 bits break: runtimes here emulate them in float,
    more slowly than fp32 where most of the time goes into convolutions (a target's budget says how much is allowed).
    """

    activations: Literal["dynamic", 8, 16] = 8
    ranges: Choice[Ranges] = MovingAverage()
    mixed: Mixed = Mixed()
    soft_targets: SoftTargets = SoftTargets(temperature=2.0, alpha=0.9)
    training: Training = Training(epochs=2, learning_rate=1e-4, weight_decay=0.0)
    validation: Validation = Validation()
    gain: IntegerGain = IntegerGain()

    example: ClassVar[dict[str, Any]] = {
        "training": {"epochs": 1, "sampling": {"windows": 64}},
        "gain": {"smaller": 0.0},
    }
    no_gain: ClassVar[dict[str, Any]] = {"training": {"epochs": 0}, "gain": {"smaller": 0.9}}

    @pydantic.model_validator(mode="after")
    def _ranges_stay(self) -> Self:
        if self.training.epochs and not isinstance(self.ranges, MovingAverage):
            raise ValueError(
                f"ranges: training follows what it sees by moving averages, so {self.ranges.kind!r} ranges would be "
                "lost; leave them out, or set training.epochs to 0"
            )
        return self

    def widths(self, activations: Iterable[str], losses: dict[str, float]) -> Bits:
        """Bits of each activation that is not on 8; `losses` is what 8 bits cost each, where they are asked for."""
        if self.activations == 8:
            return self.mixed.widths(losses)
        return dict.fromkeys(activations, 16 if self.activations == 16 else 32)


@component(image="train", takes=("float",), gives="quantized")
def quantize(*, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: Quantize) -> Metrics:
    """Fit ranges on calibration patients, find what 8 bits harm, train with rounding, settle weights on their grid."""
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    shape, source = described(parent), load(parent)
    require_float("quantize", shape)
    inputs = splits.inputs
    before = export(source, inputs)
    network = quantized(source, inputs)
    calibrate(network, Tensors.of(load_split(dataset, "calibration")), params.ranges)
    losses = harm(network, source, splits.validation) if params.activations == 8 else {}
    bits = params.widths(grids(network), losses)
    use(network, bits)
    if params.activations == 8:
        OnnxRuntime().optimize(export(network, inputs))  # refuses what would run in float: now, not after the training

    guide = load(teacher)
    loss, score = distillation_loss(params.soft_targets, guide), fidelity(guide, splits)
    history = fit(network, splits.train, len(splits.classes), params.training, loss, score)
    settle(network)
    gain = require_smaller(before, export(network, inputs), params.gain)
    save(network.eval(), shape.edited(Quantized(bits=bits)), student)
    return {
        "model/parameters": float(parameters(network)),
        "validation/fidelity_without_training": history[0]["score"],
        "validation/fidelity": max(entry["score"] for entry in history),
        **{f"harm/{name}": value for name, value in losses.items()},
        **gain,
        **validation_metrics(network, splits),
    }


if __name__ == "__main__":
    quantize.main()
