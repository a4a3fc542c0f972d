"""Low-rank factorization: layers whose weights are nearly of low rank become two thin ones; then fine-tuning."""

from typing import Any, ClassVar

import pydantic

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.candidates import replaceable_layers, require_named
from bedside.compression.distillation import SoftTargets
from bedside.compression.factorization import factorized, ranks
from bedside.compression.gain import LeastShare, require_fewer_parameters
from bedside.compression.moments import drawn, second_moments
from bedside.compression.recovery import recover
from bedside.models import described, load, save
from bedside.models.forms import require_float
from bedside.params import Params
from bedside.training.loop import Training, prepare_torch
from bedside.training.stages import Validation, open_splits


class Factorize(Params):
    """How much of each layer is kept, and the fine-tuning. A layer that gains nothing at its rank stays as it is."""

    energy: float = pydantic.Field(default=0.98, gt=0, le=1, description="share of a layer's squared answers kept")
    ranks: dict[str, pydantic.PositiveInt] = pydantic.Field(
        default_factory=dict, description="instead of `energy`, by a layer's path: convolutions.1.conv, lstm.0, hidden"
    )
    windows: int = pydantic.Field(default=2048, gt=0, description="training windows that show what a layer reads")
    soft_targets: SoftTargets = SoftTargets()
    training: Training = Training(epochs=3, learning_rate=5e-4)
    validation: Validation = Validation()
    least_share: LeastShare = 0.05

    example: ClassVar[dict[str, Any]] = {
        "energy": 0.9,
        "windows": 64,
        "training": {"epochs": 1, "sampling": {"windows": 64}},
    }
    no_gain: ClassVar[dict[str, Any]] = {"energy": 1.0}


@component(image="train", takes=("float",))
def factorize(
    *, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: Factorize
) -> Metrics:
    """Write layers of the parent as two factors from their singular values, then fine-tune."""
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    before, shape = load(parent), described(parent)
    require_float("factorize", shape)
    layers = replaceable_layers(before, shape)
    require_named(params.ranks, layers, "ranks")
    moments = second_moments(before, layers, drawn(splits, params.training, params.windows))
    chosen = ranks(before, moments, params.energy, params.ranks)
    network, edit = factorized(before, moments, chosen)
    removed = require_fewer_parameters("factorize", before, network, params.least_share)
    metrics = recover(network, load(teacher), splits, params.soft_targets, params.training)
    save(network, shape.edited(edit), student)
    return {
        "model/parameters_removed": removed,
        **{f"rank/{name}": float(rank) for name, rank in chosen.items()},
        **metrics,
    }


if __name__ == "__main__":
    factorize.main()
