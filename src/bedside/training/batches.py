"""Class-balanced sampling and label-preserving augmentation, reproducible from (seed, epoch) alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pydantic
import torch
from torch import Tensor
from torch.nn import functional

from bedside.datasets.windows import Windows
from bedside.params import Params


class Augmentation(Params):
    """How much a training window may differ from the recorded one; what applies to an input follows from its axes.

    (channel, time), a signal: gain, polarity, noise, shift. (feature,), or a single number: `features`. More axes, as
    of images: gain and noise. Every input is varied on its own; mixup mixes all inputs of two windows alike.
    """

    gain: float = pydantic.Field(default=0.15, ge=0, description="standard deviation of a log gain, whole window")
    noise: float = pydantic.Field(default=0.03, ge=0, description="largest standard deviation of added white noise")
    shift: int = pydantic.Field(default=3, ge=0, description="largest shift in samples, as a QRS detector's jitter")
    flip: float = pydantic.Field(default=0.5, ge=0, le=1, description="share of windows with reversed polarity")
    features: float = pydantic.Field(default=0.03, ge=0, description="standard deviation added to inputs of features")
    mixup: float = pydantic.Field(default=0.3, ge=0, description="Beta(a, a) of the share of a second window; 0: none")


class Sampling(Params):
    """An epoch: how many windows are drawn, and how far towards equal classes."""

    windows: int = pydantic.Field(default=16000, gt=0)
    batch: int = pydantic.Field(default=128, gt=0)
    balance: float = pydantic.Field(default=0.5, ge=0, le=1, description="0: as recorded, 1: classes equally often")
    patients: float = pydantic.Field(
        default=0.5, ge=0, le=1, description="within a class, 0: as recorded, 1: its patients equally often"
    )
    augmentation: Augmentation = Augmentation()


@dataclass(frozen=True)
class Batch:
    """Windows of one step: inputs by name (batch, *shape), target (batch, class) shares.

    `rows` (batch, 2) are the two rows of the split that each window is mixed from, the first with `share`.
    """

    inputs: dict[str, Tensor]
    target: Tensor
    rows: Tensor = field(default_factory=lambda: torch.empty(0, 2, dtype=torch.int64))  # none: not drawn from a split
    share: float = 1.0


@dataclass(frozen=True)
class Tensors:
    """A split as tensors."""

    inputs: dict[str, Tensor]
    label: Tensor
    patient: Tensor

    @classmethod
    def of(cls, windows: Windows) -> "Tensors":
        inputs = {name: torch.from_numpy(array) for name, array in windows.inputs.items()}
        return cls(inputs, torch.from_numpy(windows.label), torch.from_numpy(windows.patient))

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: Tensor | slice) -> "Tensors":
        """These rows of the split; a slice copies nothing."""
        return Tensors(picked(self.inputs, rows), self.label[rows], self.patient[rows])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of one window of each input."""
        return {name: tuple(tensor.shape[1:]) for name, tensor in self.inputs.items()}


def picked(inputs: Mapping[str, Tensor], rows: Tensor | slice) -> dict[str, Tensor]:
    """These windows of each input."""
    return {name: tensor[rows] for name, tensor in inputs.items()}


def window_weights(label: Tensor, patient: Tensor, balance: float, patients: float) -> Tensor:
    """How often each window (window,) is drawn, up to a factor: towards equal classes, and equal patients within each.

    Half of a rare class is often one patient; what is learned from it should not be that patient.
    """
    _, kind, number = torch.unique(label, return_inverse=True, return_counts=True)
    _, group, own = torch.unique(torch.stack([label, patient]), dim=1, return_inverse=True, return_counts=True)
    within = own.double()[group] ** -patients
    whole = torch.zeros(len(number), dtype=torch.float64).index_add_(0, kind, within)
    weights: Tensor = within / whole[kind] * number.double()[kind] ** (1 - balance)
    return weights


def epoch_batches(data: Tensors, classes: int, sampling: Sampling, seed: int, epoch: int) -> Iterator[Batch]:
    """The batches of one epoch; a resumed run draws exactly the batches that the killed one would have drawn."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    weights = window_weights(data.label, data.patient, sampling.balance, sampling.patients)
    drawn = torch.multinomial(weights, sampling.windows, replacement=True, generator=generator)
    shares = np.random.default_rng([seed, epoch])
    for index in torch.split(drawn, sampling.batch):
        inputs = augment(picked(data.inputs, index), sampling.augmentation, generator)
        target = functional.one_hot(data.label[index], classes).float()
        batch = Batch(inputs, target, torch.stack([index, index], dim=1))
        yield mixed(batch, sampling.augmentation.mixup, generator, shares)


def augment(inputs: Mapping[str, Tensor], how: Augmentation, generator: torch.Generator) -> dict[str, Tensor]:
    """Vary each input (batch, *shape) as its axes allow, in the order of the mapping; shapes stay."""
    return {name: _varied(tensor, how, generator) for name, tensor in inputs.items()}


def _varied(windows: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    # The order of the draws is part of every weight that was ever trained.
    if windows.ndim <= 2:
        return windows + how.features * torch.randn(windows.shape, generator=generator)
    is_signal = windows.ndim == 3
    one_each = (len(windows), *(1 for _ in windows.shape[1:]))
    windows = windows * torch.exp(how.gain * torch.randn(one_each, generator=generator))
    if is_signal:
        windows = torch.where(torch.rand(one_each, generator=generator) < how.flip, -windows, windows)
    level = how.noise * torch.rand(one_each, generator=generator)
    windows = windows + level * torch.randn(windows.shape, generator=generator)
    if is_signal:
        shift = int(torch.randint(-how.shift, how.shift + 1, (1,), generator=generator))
        windows = torch.roll(windows, shift, dims=2)
    return windows


def mixed(batch: Batch, concentration: float, generator: torch.Generator, shares: np.random.Generator) -> Batch:
    """Mixup (Zhang et al. 2018): each window with a share of another one, and its target with the same share."""
    if concentration == 0:
        return batch
    share, other = (
        float(shares.beta(concentration, concentration)),
        torch.randperm(len(batch.target), generator=generator),
    )
    inputs = {name: share * part + (1 - share) * part[other] for name, part in batch.inputs.items()}
    target = share * batch.target + (1 - share) * batch.target[other]
    return Batch(inputs, target, torch.stack([batch.rows[:, 0], batch.rows[other, 0]], dim=1), share)
