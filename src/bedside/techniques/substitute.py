"""Depthwise-separable substitution (MobileNet): cheaper convolutions that first imitate those they replace."""

from typing import Any, ClassVar

import pydantic
from torch import nn

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.candidates import replaceable_layers, require_named
from bedside.compression.distillation import SoftTargets
from bedside.compression.gain import LeastShare, require_fewer_parameters
from bedside.compression.moments import drawn, second_moments
from bedside.compression.recovery import recover
from bedside.compression.separable import replaceable, separated
from bedside.models import Network, described, load, save
from bedside.models.edits.base import among
from bedside.models.forms import require_float
from bedside.params import Params
from bedside.training.loop import Training, prepare_torch
from bedside.training.stages import Validation, open_splits


class Substitute(Params):
    """Which convolutions stay, what the substitutes are fitted on, and the fine-tuning of the whole network."""

    spared: tuple[str, ...] | None = pydantic.Field(
        default=None, description="by path; none named: the first, as in MobileNet: two leads would leave two filters"
    )
    windows: int = pydantic.Field(default=2048, gt=0, description="training windows that each substitute imitates on")
    rounds: int = pydantic.Field(default=10, ge=0, description="of least squares, over filters and mix in turns")
    soft_targets: SoftTargets = SoftTargets()
    training: Training = Training(epochs=3, learning_rate=5e-4)
    validation: Validation = Validation()
    least_share: LeastShare = 0.05

    example: ClassVar[dict[str, Any]] = {"windows": 64, "training": {"epochs": 1, "sampling": {"windows": 64}}}
    no_gain: ClassVar[dict[str, Any]] = {"spared": ("convolutions",)}


@component(image="train", takes=("float",))
def substitute(
    *, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: Substitute
) -> Metrics:
    """Replace convolutions of the parent by depthwise and pointwise ones, fitted layer by layer, then fine-tune."""
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    before, shape = load(parent), described(parent)
    require_float("substitute", shape)
    names = chosen(before, shape, params.spared)
    moments = second_moments(before, names, drawn(splits, params.training, params.windows))
    network, edit, lost = separated(before, moments, params.rounds)
    removed = require_fewer_parameters("substitute", before, network, params.least_share)
    metrics = recover(network, load(teacher), splits, params.soft_targets, params.training)
    save(network, shape.edited(edit), student)
    return {
        "model/parameters_removed": removed,
        **{f"imitation_lost/{name}": share for name, share in lost.items()},
        **metrics,
    }


def chosen(network: nn.Module, shape: Network, spared: tuple[str, ...] | None) -> list[str]:
    """The convolutions to replace; RefusedError for a spared one that is not there."""
    layers = replaceable_layers(network, shape)
    convolutions = [name for name in layers if isinstance(network.get_submodule(name), nn.Conv1d | nn.Conv2d)]
    require_named(spared or (), convolutions, "spared")
    spared = tuple(convolutions[:1]) if spared is None else spared
    return replaceable(network, [name for name in convolutions if not among(name, spared)])


if __name__ == "__main__":
    substitute.main()
