"""Distil the teacher into a compact student, then fine-tune it on the rare conditions it still misses."""

from typing import Any, ClassVar

import pydantic
from torch import Tensor, nn

from bedside.artifacts import DatasetIn, ModelIn, ModelOut
from bedside.component import Metrics, component
from bedside.compression.distillation import (
    EdgeCases,
    Features,
    Hinted,
    SoftTargets,
    answered,
    distillation_loss,
    feature_distillation,
    learn_edge_cases,
)
from bedside.compression.fidelity import fidelity
from bedside.compression.gain import LeastShare, require_fewer_parameters
from bedside.models import Architecture, load, save
from bedside.params import Params
from bedside.plugins import Choice
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.stages import (
    Splits,
    Validation,
    built,
    open_splits,
    parameters,
    require_classes,
    validation_metrics,
)
from bedside.training.validation import logits_of


class Distill(Params):
    """The student, what it imitates, and its last step on edge cases."""

    student: Choice[Architecture]
    labelled: bool = pydantic.Field(
        default=True, description="false: no label reaches a weight, the teacher's answers do"
    )
    soft_targets: SoftTargets = SoftTargets()
    features: Features | None = None
    training: Training = Training()
    edge_cases: EdgeCases = EdgeCases()
    edge_training: Training = Training(epochs=2, learning_rate=1e-4)
    validation: Validation = Validation()
    least_share: LeastShare = 0.3

    example: ClassVar[dict[str, Any]] = {
        "student": {"kind": "tcn", "widths": [8, 8]},
        "training": {"epochs": 1, "sampling": {"windows": 64}},
        "edge_training": {"epochs": 1, "sampling": {"windows": 64}},
    }
    no_gain: ClassVar[dict[str, Any]] = {
        "student": {"kind": "tcn", "widths": [64, 64]},
    }

    @pydantic.model_validator(mode="after")
    def _makes_sense(self) -> "Distill":
        if not self.labelled and self.soft_targets.alpha != 1:
            raise ValueError("labelled: false leaves the teacher's answers alone; set soft_targets.alpha: 1")
        if self.features and self.soft_targets.answers == "stored":
            raise ValueError("features need the teacher in every step; set soft_targets.answers: consistent")
        return self

    @property
    def asks_once(self) -> bool:
        """Whether the teacher's answers to all recorded training windows are needed."""
        return not self.labelled or self.soft_targets.answers == "stored"


@component(image="train", gives="float")
def distill(*, dataset: DatasetIn, teacher: ModelIn, parent: ModelIn, student: ModelOut, params: Distill) -> Metrics:
    """Train a compact student on its parent's soft targets; validation patients choose the epoch."""
    del teacher  # an assistant chain names the assistant as parent (Mirzadeh et al. 2020)
    prepare_torch(params.training)
    splits = open_splits(dataset, params.validation)
    require_classes("edge_cases.rare", params.edge_cases.rare or (), splits.classes)  # now, not after the training
    shape = splits.fitted(params.student)
    guide, network = load(parent), built(shape, splits, "student")
    removed = require_fewer_parameters("distill", guide, network, params.least_share)
    recorded = logits_of(guide, splits.train, whose="the parent") if params.asks_once else None
    seen = splits if params.labelled or recorded is None else answered(splits, guide, recorded)
    imitate(network, guide, seen, recorded, params)
    edges = learn_edge_cases(
        params.edge_cases, params.edge_training, params.soft_targets, network, guide, seen, recorded
    )
    save(network, shape, student)
    return {
        "model/parameters": float(parameters(network)),
        "model/parameters_removed": removed,
        **edges,
        **validation_metrics(network, splits),
    }


def imitate(network: nn.Module, guide: nn.Module, splits: Splits, recorded: Tensor | None, params: Distill) -> None:
    """Train the student on its guide's soft targets, and on its features where asked."""
    loss = distillation_loss(params.soft_targets, guide, recorded)
    score = splits.score if params.labelled else fidelity(guide, splits)
    classes = len(splits.classes)
    if params.features is None:
        fit(network, splits.train, classes, params.training, loss, score, name="soft-targets")
        return
    pair = Hinted(network, guide, splits.inputs)
    with feature_distillation(params.features, pair, loss) as both:
        fit(pair, splits.train, classes, params.training, both, score, name="soft-targets")


if __name__ == "__main__":
    distill.main()
