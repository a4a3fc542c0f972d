"""One training over several processes (`torchrun`): each takes its part of every batch, and the gradients are added up.

The number of processes is no parameter of the training: sampling, augmentation and mixup are drawn for the whole batch
in every process, batch norm sees the whole batch, so the weights are those of one process up to rounding (and up to
dropout, which each process draws for its own windows). Without torchrun nothing here does anything.
"""

import contextlib
import datetime
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from bedside.errors import RefusedError
from bedside.training.batches import Batch, picked

T = TypeVar("T")


@contextlib.contextmanager
def processes() -> Iterator[None]:
    """Join the processes that torchrun has started; a peer that is silent for ten minutes fails this one too."""
    if "RANK" not in os.environ:
        yield
        return
    dist.init_process_group("gloo", timeout=datetime.timedelta(minutes=10))
    try:
        yield
    finally:
        dist.destroy_process_group()


def count() -> int:
    """Number of processes that share this training."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def agree(work: Mapping[str, str]) -> None:
    """Refuse to train together on different things: `work` names what must be the same on every machine."""
    held: list[Mapping[str, str]] = [work] * count()
    if count() > 1:
        dist.all_gather_object(held, work)
    for name, value in work.items():
        if any(other[name] != value for other in held):
            values = ", ".join(sorted({other[name][:12] for other in held}))
            raise RefusedError(f"the processes of this training have different {name} ({values}); give all the same")


def alike(network: nn.Module, optimizer: torch.optim.Optimizer, progress: T) -> T:
    """Give every process the first one's weights, moments and progress: it alone has the checkpoint."""
    if count() == 1:
        return progress
    held: list[Any] = [network.state_dict(), optimizer.state_dict(), progress]
    dist.broadcast_object_list(held)
    network.load_state_dict(held[0])
    optimizer.load_state_dict(held[1])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.__class__ = WholeBatchNorm  # in place: whoever addresses the network's modules still finds them
    agreed: T = held[2]
    return agreed


def part(batch: Batch) -> tuple[Batch, float]:
    """This process' windows of a batch, and their share of it: the batch's mean is the sum of share times mean."""
    if count() == 1:
        return batch, 1.0
    whole = len(batch.target)
    if whole < count():
        raise RefusedError(f"{count()} processes cannot share a batch of {whole} windows; start fewer")
    own = torch.arange(whole).tensor_split(count())[rank()]
    mine = replace(batch, inputs=picked(batch.inputs, own), target=batch.target[own], rows=batch.rows[own])
    return mine, len(own) / whole


def add_up(network: nn.Module, loss: Tensor) -> float:
    """Replace each process' gradients by their sum; return the sum of the losses, that of the whole batch."""
    if count() == 1:
        return loss.item()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([loss.detach().reshape(1), *(gradient.flatten() for gradient in gradients)])
    dist.all_reduce(flat)
    for gradient, whole in zip(gradients, torch.split(flat[1:], [g.numel() for g in gradients]), strict=True):
        gradient.copy_(whole.view_as(gradient))
    return flat[0].item()


class _Sum(torch.autograd.Function):
    """The sum over all processes; so is its gradient, since every process' loss is a part of the one that counts."""

    @staticmethod
    def forward(_: Any, own: Tensor) -> Tensor:
        whole = own.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return _Sum.forward(_, gradients[0])


def total(own: Tensor) -> Tensor:
    """The sum of a tensor over all processes; gradients pass through it."""
    whole: Tensor = _Sum.apply(own)  # type: ignore[no-untyped-call]  # torch's own annotation is missing
    return whole


class WholeBatchNorm(nn.BatchNorm1d):
    """Batch norm over the windows of all processes (torch's SyncBatchNorm runs on GPUs only)."""

    def forward(self, input: Tensor) -> Tensor:
        """(batch, channel, time) -> the same, every channel normalised over the whole batch and time."""
        if not self.training:
            return super().forward(input)
        number = total(torch.tensor(float(input.shape[0] * input.shape[2])))
        mean = total(input.sum(dim=(0, 2))) / number
        centred = input - mean[:, None]
        variance = total((centred**2).sum(dim=(0, 2))) / number
        self._remember(mean.detach(), variance.detach() * number / (number - 1))
        scale = self.weight / torch.sqrt(variance + self.eps)
        return centred * scale[:, None] + self.bias[:, None]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.num_batches_tracked is not None  # no network here has norms that remember nothing
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum or 0.0)
        self.running_var.lerp_(variance, self.momentum or 0.0)
