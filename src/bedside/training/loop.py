"""The one training loop: resumable at every epoch and where SIGTERM came; validation patients choose the epoch."""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pydantic
import torch
from torch import Tensor, nn
from tqdm import tqdm

from bedside import ending, scratch, tracking
from bedside.params import Params, Seed
from bedside.training import checkpoint, distributed
from bedside.training.batches import Batch, Sampling, Tensors, epoch_batches
from bedside.training.divergence import Guard, require_numbers

Loss = Callable[[nn.Module, Batch], Tensor]
Score = Callable[[nn.Module], dict[str, float]]


class Training(Params):
    """Length and step size of a training; `threads` is part of what makes weights reproducible.

    One is the default: the LSTM's small steps wait for each other, which on a shared machine made two threads slower.
    """

    epochs: int = pydantic.Field(default=10, ge=0)
    learning_rate: float = pydantic.Field(default=2e-3, gt=0)
    weight_decay: float = pydantic.Field(default=1e-4, ge=0)
    warmup: float = pydantic.Field(default=0.1, ge=0, le=1, description="share of the steps with a rising rate")
    clip: float = pydantic.Field(default=1.0, gt=0, description="largest gradient norm")
    seed: Seed = 0
    threads: int = pydantic.Field(default=1, gt=0)
    sampling: Sampling = Sampling()


@dataclass
class _Progress:
    """What a restarted training continues from."""

    epoch: int = 0
    step: int = 0  # of the epoch that SIGTERM interrupted, and the sum of its losses
    loss: float = 0.0
    best_score: float = -math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)


def prepare_torch(training: Training) -> None:
    """Make the run reproducible: seed, thread count, deterministic kernels."""
    torch.manual_seed(training.seed)
    torch.set_num_threads(training.threads)
    torch.use_deterministic_algorithms(True)


def fit(  # noqa: PLR0917  (one straight list of what a training needs)
    network: nn.Module, data: Tensors, classes: int, training: Training, loss: Loss, score: Score, name: str = "fit"
) -> list[dict[str, float]]:
    """Train in place, end with the weights of the epoch whose `score()["score"]` was best; return the history.

    The score is taken before the first epoch too, so a fine-tuning that only harms returns what it was given. It raises
    RefusedError at the first loss, gradient, weight or answer that is not finite. SIGTERM ends it after a step.
    """
    with ending.deferred():
        return _fit(network, data, classes, training, loss, score, name)


def _fit(  # noqa: PLR0917
    network: nn.Module, data: Tensors, classes: int, training: Training, loss: Loss, score: Score, name: str
) -> list[dict[str, float]]:
    optimizer = torch.optim.AdamW(network.parameters(), training.learning_rate, weight_decay=training.weight_decay)
    progress = distributed.alike(network, optimizer, _resume(network, optimizer, name))
    guard = Guard(name, training)
    if not progress.history:
        _judge(network, score, progress, guard)
    todo, silent = range(progress.epoch, training.epochs), distributed.rank() > 0
    epochs = tqdm(todo, initial=progress.epoch, total=training.epochs, unit="epoch", disable=silent)
    for epoch in epochs:
        started = time.monotonic()
        with guard.within(epoch + 1):
            mean_loss = _run_epoch(network, optimizer, data, classes, training, loss, progress, guard)
        progress.epoch, progress.step, progress.loss = epoch + 1, 0, 0.0
        entry = _judge(network, score, progress, guard)
        epochs.set_postfix(loss=f"{mean_loss:.3f}", score=f"{entry['score']:.3f}")
        tracking.log({"train/loss": mean_loss, "train/seconds": time.monotonic() - started}, step=epoch)
        _keep(network, optimizer, progress, name)
    network.load_state_dict(progress.best)
    network.eval()
    return progress.history


def _run_epoch(  # noqa: PLR0917
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Tensors,
    classes: int,
    training: Training,
    loss: Loss,
    progress: _Progress,
    guard: Guard,
) -> float:
    epoch, silent = progress.epoch, distributed.rank() > 0
    if not progress.step or silent:  # Dropout too must repeat after a restart, and differ between processes.
        torch.manual_seed(training.seed * 1_000_003 + epoch + 500_009 * distributed.rank())
    network.train()
    steps = math.ceil(training.sampling.windows / training.sampling.batch)
    batches = epoch_batches(data, classes, training.sampling, training.seed, epoch)
    todo = itertools.islice(enumerate(batches), progress.step, None)
    bar = tqdm(
        todo,
        f"epoch {epoch + 1}",
        total=steps,
        leave=False,
        initial=progress.step,
        unit="batch",
        disable=silent or None,
    )
    for step, batch in bar:
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * rate(
                (epoch * steps + step) / (training.epochs * steps), training.warmup
            )
        own, share = distributed.part(batch)
        value = share * loss(network, own)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]  # torch's own annotation is missing
        mean = distributed.add_up(network, value)
        norm = nn.utils.clip_grad_norm_(network.parameters(), training.clip)
        guard.step(f"epoch {epoch + 1}, step {step + 1} of {steps}", batch, mean, norm, moved=epoch + step > 0)
        progress.loss += mean
        optimizer.step()
        if ending.asked():
            progress.step = step + 1
            _leave(network, optimizer, progress, guard.name)
    return progress.loss / steps


def _leave(network: nn.Module, optimizer: torch.optim.Optimizer, progress: _Progress, name: str) -> NoReturn:
    """End in the middle of an epoch. Of several processes each has random numbers of its own: the last epoch stands."""
    if distributed.count() == 1:
        _keep(network, optimizer, progress, name)
    raise ending.Terminated


def rate(done: float, warmup: float) -> float:
    """Relative learning rate after a share `done` of all steps: linear rise, then a cosine to zero."""
    if done < warmup:
        return max(done / warmup, 0.01)
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / max(1 - warmup, 1e-9)))


def _judge(network: nn.Module, score: Score, progress: _Progress, guard: Guard) -> dict[str, float]:
    network.eval()
    with guard.within(progress.epoch), torch.inference_mode():
        require_numbers(network)
        entry = score(network)
    guard.score(entry["score"])
    progress.history.append(entry)
    tracking.log({f"validation/{name}": value for name, value in entry.items()}, step=progress.epoch)
    if entry["score"] >= progress.best_score:  # of equal epochs the later one: a ranking is perfect before its margins
        progress.best_score = entry["score"]
        progress.best = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    return entry


def _checkpoint(name: str) -> Path | None:
    folder = scratch.folder()
    return folder / f"{name}.safetensors" if folder else None


def _resume(network: nn.Module, optimizer: torch.optim.Optimizer, name: str) -> _Progress:
    file = _checkpoint(name)
    kept = checkpoint.latest(file) if file else None
    if kept is None:
        return _Progress()
    kept.restore(network, optimizer)
    return _Progress(best=kept.best, **kept.state)


def _keep(network: nn.Module, optimizer: torch.optim.Optimizer, progress: _Progress, name: str) -> None:
    file = _checkpoint(name)
    if file is not None:
        state: dict[str, Any] = {k: getattr(progress, k) for k in ("epoch", "step", "loss", "best_score", "history")}
        checkpoint.write(file, network, progress.best, optimizer, state)
