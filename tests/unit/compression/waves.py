"""Made-up beats whose class is how fast they swing, and small real networks that tell them apart."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside.models import Network
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork, ConvBlock
from bedside.tasks.ecg_beats.outcome import OUTCOME
from bedside.training.batches import Augmentation, Batch, Sampling, Tensors
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.stages import Splits, Validation
from tests.support.networks import cnn_lstm

CLASSES = OUTCOME.classes
RHYTHM = 3
STILL = Augmentation(gain=0, noise=0, shift=0, features=0, flip=0, mixup=0)
INPUTS = {"signal": (2, 40), "rhythm": (RHYTHM,)}
LARGE, SMALL = (
    Network.of(
        CnnLstm(convolutions=(ConvBlock(channels=channels, kernel=9, stride=2),), head=head, dropout=0.1),
        INPUTS,
        len(CLASSES),
    )
    for channels, head in ((16, 12), (8, 10))
)


def training(epochs: int, learning_rate: float, windows: int = 1024, augmentation: Augmentation = STILL) -> Training:
    sampling = Sampling(windows=windows, batch=32, augmentation=augmentation)
    return Training(epochs=epochs, learning_rate=learning_rate, sampling=sampling)


def beats(*counts: int, seed: int = 0) -> Tensors:
    """This many windows of each class, two patients taking turns."""
    label = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    wave = torch.sin(torch.arange(40.0) * (0.2 + 0.3 * label[:, None]))
    noise = 0.3 * torch.randn(len(label), 2, 40, generator=torch.Generator().manual_seed(seed))
    inputs = {"signal": torch.stack([wave, wave], dim=1) + noise, "rhythm": torch.zeros(len(label), RHYTHM)}
    return Tensors(inputs, label, torch.arange(len(label)) % 2)


def cross_entropy(network: nn.Module, batch: Batch) -> Tensor:
    return functional.cross_entropy(network(**batch.inputs), batch.target)


def latest(network: nn.Module) -> dict[str, float]:
    """A score that keeps the last epoch."""
    del network
    return {"score": 0.0}


def taught(shape: Network, *counts: int) -> CnnLstmNetwork:
    """A network that has learned these windows by their labels."""
    how = training(epochs=6, learning_rate=2e-2)
    prepare_torch(how)
    network = cnn_lstm(shape)
    head = network.hidden.out_features
    fit(network, beats(*counts), len(CLASSES), how, cross_entropy, latest, name=f"taught-{head}-{counts}")
    return network


def splits(train: Tensors, validation: Tensors) -> Splits:
    return Splits(OUTCOME, train, validation, Validation())


def weights(network: nn.Module) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in network.state_dict().values()]
