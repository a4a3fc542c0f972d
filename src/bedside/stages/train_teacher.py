"""Train the teacher: the articles' CNN-LSTM, large enough that nobody doubts it, on training patients only."""

import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside.approval import accepted
from bedside.artifacts import DatasetIn, In, ModelOut
from bedside.component import Metrics, component
from bedside.models import Architecture, Network, save
from bedside.params import ClassName, Params
from bedside.plugins import Choice
from bedside.training import distributed
from bedside.training.batches import Batch
from bedside.training.committee import Committee, MeanAnswer
from bedside.training.loop import Loss, Training, fit, prepare_torch
from bedside.training.soft_targets import SoftTargets, distillation_loss
from bedside.training.stages import (
    Splits,
    Validation,
    answering,
    built,
    open_splits,
    parameters,
    require_classes,
    shift_operating_point,
    validation_metrics,
)


class TrainTeacher(Params):
    """The network, how it is trained, what validation patients watch, and where it decides."""

    architecture: Choice[Architecture]
    training: Training = Training()
    committee: Committee | None = pydantic.Field(
        default=None, description="networks whose mean answer the teacher learns in place of the labels"
    )
    soft_targets: SoftTargets = SoftTargets(temperature=2.0, alpha=1.0)
    validation: Validation = Validation()
    label_smoothing: float = pydantic.Field(default=0.0, ge=0, lt=1)
    operating_point: dict[ClassName, float] = pydantic.Field(
        default={}, description="bias on the logit of a class; to be chosen on training patients that were held out"
    )


@component(image="train")
def train_teacher(*, dataset: DatasetIn, approval: In, teacher: ModelOut, params: TrainTeacher) -> Metrics:
    """Train on training patients; validation patients choose the epoch. Students imitate its operating point."""
    accepted(approval, dataset)  # windows that nobody approved are never trained on
    distributed.agree(
        {"data": dataset.digest, "parameters": params.model_dump_json(), "code": train_teacher.code(params)}
    )
    splits = open_splits(dataset, params.validation)
    network, shape = trained(splits, params)
    save(network, shape, teacher)
    return {"model/parameters": float(parameters(network)), **validation_metrics(network, splits)}


def trained(splits: Splits, params: TrainTeacher) -> tuple[nn.Module, Network]:
    """The teacher, and the committee before it; what cross-validation runs on the patients of a fold, too."""
    require_classes("operating_point", params.operating_point, splits.classes)
    _require_fit(splits, params)
    loss = _cross_entropy(params.label_smoothing)
    if params.committee is not None:
        shape = splits.fitted(params.committee.architecture)
        members = [_fitted(shape, how, splits, loss, f"member-{how.seed}") for how in params.committee.trainings]
        loss = distillation_loss(params.soft_targets, MeanAnswer(members))
    shape = splits.fitted(params.architecture)
    network = _fitted(shape, params.training, splits, loss, "fit")
    if params.operating_point:
        last = answering(network, splits, "operating_point")
        shift_operating_point(last, splits.classes, params.operating_point)
    return network, shape


def _require_fit(splits: Splits, params: TrainTeacher) -> None:
    """Refuse networks that could not be used after their training, before it."""
    if params.committee is not None:
        built(splits.fitted(params.committee.architecture), splits, "committee.architecture")
    network = built(splits.fitted(params.architecture), splits, "architecture")
    if params.operating_point:
        answering(network, splits, "operating_point")


def _fitted(shape: Network, training: Training, splits: Splits, loss: Loss, name: str) -> nn.Module:
    prepare_torch(training)
    network = shape.network()
    fit(network, splits.train, len(splits.classes), training, loss, splits.score, name)
    return network


def _cross_entropy(label_smoothing: float) -> Loss:
    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(**batch.inputs)
        return functional.cross_entropy(logits, batch.target, label_smoothing=label_smoothing)

    return loss


def main() -> None:
    """One process, or as many as `torchrun -m components.train_teacher` has started."""
    torch.set_num_interop_threads(1)
    with distributed.processes():
        train_teacher.main()


if __name__ == "__main__":
    main()
