"""Class-balanced sampling and label-preserving augmentation, reproducible from (seed, epoch) alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pydantic
import torch
from torch import Tensor
from torch.nn import functional

from bedside.datasets.windows import Windows
from bedside.params import Params


class Augmentation(Params):
    """How much a training window may differ from the recorded one: gain, noise, detection jitter, polarity, rhythm."""

    gain: float = pydantic.Field(default=0.15, ge=0, description="standard deviation of a log gain, whole window")
    noise: float = pydantic.Field(default=0.03, ge=0, description="largest standard deviation of added white noise")
    shift: int = pydantic.Field(default=3, ge=0, description="largest shift in samples, as a QRS detector's jitter")
    flip: float = pydantic.Field(default=0.5, ge=0, le=1, description="share of windows with reversed polarity")
    rhythm: float = pydantic.Field(default=0.03, ge=0, description="standard deviation added to rhythm features")
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
    """Windows of one step: signal (batch, channel, time), rhythm (batch, feature), target (batch, class) shares.

    `rows` (batch, 2) are the two rows of the split that each window is mixed from, the first with `share`.
    """

    signal: Tensor
    rhythm: Tensor
    target: Tensor
    rows: Tensor = field(default_factory=lambda: torch.empty(0, 2, dtype=torch.int64))  # none: not drawn from a split
    share: float = 1.0


@dataclass(frozen=True)
class Tensors:
    """A split as tensors."""

    signal: Tensor
    rhythm: Tensor
    label: Tensor
    patient: Tensor

    @classmethod
    def of(cls, windows: Windows) -> "Tensors":
        return cls(*(torch.from_numpy(getattr(windows, name)) for name in ("signal", "rhythm", "label", "patient")))

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: Tensor) -> "Tensors":
        """These rows of the split."""
        return Tensors(self.signal[rows], self.rhythm[rows], self.label[rows], self.patient[rows])


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
        signal, rhythm = augment(data.signal[index], data.rhythm[index], sampling.augmentation, generator)
        target = functional.one_hot(data.label[index], classes).float()
        batch = Batch(signal, rhythm, target, torch.stack([index, index], dim=1))
        yield mixed(batch, sampling.augmentation.mixup, generator, shares)


def augment(signal: Tensor, rhythm: Tensor, how: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Vary gain, polarity, noise, detection instant, rhythm; shapes stay (batch, channel, time), (batch, feature)."""
    one_each = (len(signal), 1, 1)
    signal = signal * torch.exp(how.gain * torch.randn(one_each, generator=generator))
    signal = torch.where(torch.rand(one_each, generator=generator) < how.flip, -signal, signal)
    level = how.noise * torch.rand(one_each, generator=generator)
    signal = signal + level * torch.randn(signal.shape, generator=generator)
    shift = int(torch.randint(-how.shift, how.shift + 1, (1,), generator=generator))
    rhythm = rhythm + how.rhythm * torch.randn(rhythm.shape, generator=generator)
    return torch.roll(signal, shift, dims=2), rhythm


def mixed(batch: Batch, concentration: float, generator: torch.Generator, shares: np.random.Generator) -> Batch:
    """Mixup (Zhang et al. 2018): each window with a share of another one, and its target with the same share."""
    if concentration == 0:
        return batch
    share, other = (
        float(shares.beta(concentration, concentration)),
        torch.randperm(len(batch.target), generator=generator),
    )
    parts = (batch.signal, batch.rhythm, batch.target)
    signal, rhythm, target = (share * part + (1 - share) * part[other] for part in parts)
    return Batch(signal, rhythm, target, torch.stack([batch.rows[:, 0], batch.rows[other, 0]], dim=1), share)
