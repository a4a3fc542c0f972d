"""What every training stage does before and after its own idea: open the splits, watch, choose the operating point."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pydantic
import torch
from torch import Tensor, nn

from bedside.artifacts import Artifact
from bedside.datasets.windows import load_split
from bedside.models import Architecture
from bedside.params import Params
from bedside.training.batches import Tensors
from bedside.training.validation import f1, logits_of, operating_point, watch

A = TypeVar("A", bound=Architecture)


class Validation(Params):
    """Which classes validation patients watch over, and how far the operating point may move."""

    watched: tuple[str, ...] = ("S", "V")
    span: float = pydantic.Field(default=0.0, ge=0, description="largest bias on a logit; 0 leaves the network as is")
    step: float = pydantic.Field(default=0.25, gt=0)


@dataclass(frozen=True)
class Splits:
    """Training and validation patients as tensors, with the classes' names."""

    classes: list[str]
    train: Tensors
    validation: Tensors
    how: Validation

    @property
    def watched(self) -> dict[str, int]:
        return {name: self.classes.index(name) for name in self.how.watched}

    def score(self, network: nn.Module) -> dict[str, float]:
        """What chooses the epoch."""
        return watch(network, self.validation, self.watched)

    def fitted(self, architecture: A) -> A:
        """The architecture for these windows and classes."""
        return architecture.fitted(self.train.signal.shape[1:], self.train.rhythm.shape[1:], len(self.classes))


def open_splits(dataset: Artifact, how: Validation) -> Splits:
    """The splits that a training may see; the test split is another artifact, which no training stage is given."""
    train, validation = (Tensors.of(load_split(dataset, name)) for name in ("train", "validation"))
    return Splits(dataset.json("dataset.json")["classes"], train, validation, how)


def settle_operating_point(network: nn.Module, splits: Splits) -> Tensor:
    """Choose class biases on validation patients and build them into the last layer: argmax stays the decision."""
    validation = splits.validation
    biases = operating_point(
        logits_of(network, validation), validation.label, splits.watched, splits.how.span, splits.how.step
    )
    with torch.no_grad():
        network.output.bias += biases  # type: ignore[operator, union-attr]  # every architecture ends in `output`
    return biases


def validation_metrics(network: nn.Module, splits: Splits) -> dict[str, float]:
    """Sensitivity, positive predictivity and F1 of the watched classes on validation patients, pooled over beats."""
    predicted = logits_of(network, splits.validation).argmax(dim=1).numpy()
    label = splits.validation.label.numpy()
    metrics = {"validation/accuracy": float((predicted == label).mean())}
    for name, c in splits.watched.items():
        hits = float(((predicted == c) & (label == c)).sum())
        metrics[f"validation/{name}_sensitivity"] = hits / max(int((label == c).sum()), 1)
        metrics[f"validation/{name}_predictivity"] = hits / max(int((predicted == c).sum()), 1)
        metrics[f"validation/{name}_f1"] = f1(predicted, np.asarray(label), c)
    return metrics


def parameters(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in network.parameters())
