"""What every training stage does before and after its own idea: open the splits, watch, set the operating point."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pydantic
import torch
from torch import nn

from bedside.artifacts import Artifact
from bedside.datasets.inputs import Shapes
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.models import Architecture, Network
from bedside.models.last import last_layer
from bedside.models.usable import tried
from bedside.outcome import Outcome, outcome_of
from bedside.params import ClassName, Params
from bedside.training.batches import Tensors
from bedside.training.validation import f1, logits_of, watch


class Validation(Params):
    """Which classes validation patients watch over (none named: the task's), and whether they choose the epoch."""

    watched: Annotated[tuple[ClassName, ...], pydantic.Field(min_length=1)] | None = None
    epoch: Literal["best", "last"] = pydantic.Field(
        default="best", description="last: the number of epochs was chosen before, on more patients than these"
    )


@dataclass(frozen=True)
class Splits:
    """Training and validation patients as tensors, with what is decided about them."""

    outcome: Outcome
    train: Tensors
    validation: Tensors
    how: Validation

    @property
    def classes(self) -> list[str]:
        return list(self.outcome.classes)

    @property
    def watched(self) -> dict[str, int]:
        return {name: self.outcome.index(name) for name in self.how.watched or self.outcome.watched}

    def score(self, network: nn.Module) -> dict[str, float]:
        """What chooses the epoch: of equal scores the last one is kept."""
        seen = watch(network, self.validation, self.watched)
        return seen if self.how.epoch == "best" else {**seen, "score": 0.0}

    @property
    def inputs(self) -> Shapes:
        """Shape of one window of each input, in the order in which graphs take them."""
        return self.train.shapes

    def fitted(self, architecture: Architecture) -> Network:
        """The network of this architecture for these windows and classes."""
        return Network.of(architecture, self.inputs, len(self.classes))


def open_splits(dataset: Artifact, how: Validation) -> Splits:
    """The splits that a training may see; the test split is another artifact, which no training stage is given."""
    outcome = outcome_of(dataset)
    require_classes("validation.watched", how.watched or (), outcome.classes)
    train, validation = (Tensors.of(load_split(dataset, name)) for name in ("train", "validation"))
    splits = Splits(outcome, train, validation, how)
    absent = [name for name, c in splits.watched.items() if not (validation.label == c).any()]
    if absent and how.epoch == "best":
        raise RefusedError(
            f"validation.watched: no validation patient has a {' or '.join(absent)} {outcome.unit.one}, so it chooses "
            "no epoch; take it out, give validation more patients (task.split), or set validation.epoch: last"
        )
    return splits


def require_classes(where: str, named: Iterable[str], classes: Sequence[str]) -> None:
    """RefusedError for a class that the dataset does not have; `where` is the parameter that names it."""
    if unknown := sorted(set(named) - set(classes)):
        raise RefusedError(f"{where}: no class {', '.join(unknown)} here; this dataset has {', '.join(classes)}")


def built(shape: Network, splits: Splits, where: str) -> nn.Module:
    """The network, with fresh weights, once it has shown that it answers these windows with a logit per class.

    RefusedError names the parameter `where` it is described: now, not after a training.
    """
    try:
        return tried(shape, splits.classes)
    except RefusedError as error:
        raise RefusedError(f"{where}: {error}") from None


def answering(network: nn.Module, splits: Splits, where: str) -> nn.Linear:
    """The network's last layer; RefusedError where it has no bias for each class to which `where` could be added."""
    layer = last_layer(network, splits.inputs)
    if layer is None or layer.bias is None:
        raise RefusedError(
            f"{where}: this network does not end in a linear layer with a bias for each class, to which it would be "
            f"added; leave {where} out, or let the network return what an nn.Linear(..., {len(splits.classes)}) answers"
        )
    return layer


def shift_operating_point(last: nn.Linear, classes: Sequence[str], biases: Mapping[str, float]) -> None:
    """Add a bias to the logits of these classes, in the last layer: argmax stays the decision, at no cost."""
    with torch.no_grad():
        for name, bias in biases.items():
            last.bias[classes.index(name)] += bias


def validation_metrics(network: nn.Module, splits: Splits) -> dict[str, float]:
    """Recall, precision and F1 of the watched classes on validation patients, all their windows pooled.

    Plain shares for choosing by. What is judged on test patients is counted as the task asks (`evaluation.counts`) and
    goes by clinical names; the two never share one.
    """
    predicted = logits_of(network, splits.validation).argmax(dim=1).numpy()
    label = splits.validation.label.numpy()
    metrics = {"validation/accuracy": float((predicted == label).mean())}
    for name, c in splits.watched.items():
        hits = float(((predicted == c) & (label == c)).sum())
        metrics[f"validation/{name}_recall"] = hits / max(int((label == c).sum()), 1)
        metrics[f"validation/{name}_precision"] = hits / max(int((predicted == c).sum()), 1)
        metrics[f"validation/{name}_f1"] = f1(predicted, np.asarray(label), c)
    return metrics


def parameters(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in network.parameters())
