"""A training shared by two processes is the training of one process."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bedside import ending, scratch
from bedside.errors import RefusedError
from bedside.models.cnn_lstm import CnnLstm, ConvBlock
from bedside.training import distributed
from bedside.training.batches import Batch, Sampling
from bedside.training.loop import Training, fit, prepare_torch
from tests.unit.training.test_training import RECORD, beats, cross_entropy, score

CONVOLUTIONS = (ConvBlock(channels=4, kernel=5, stride=4), ConvBlock(channels=6, kernel=3))
SHAPE = CnnLstm(convolutions=CONVOLUTIONS, lstm=(8,), head=8, dropout=0.0).fitted(beats().shapes, 3)
TRAINING = Training(
    epochs=2, sampling=Sampling(windows=50, batch=15)
)  # neither number is even, nor are all batches full
Weights = dict[str, Tensor]


def trained(loss: Callable[[nn.Module, Batch], Tensor] = cross_entropy, training: Training = TRAINING) -> Weights:
    prepare_torch(training)
    network = SHAPE.network()
    fit(network, beats(), 3, training, loss, score)
    return network.state_dict()


def in_two_processes(function: Callable[[int], Any]) -> list[Any]:
    """What `function(rank)` returns, or the error it raises, in each of two processes that torchrun might have started.

    Forked: a process that imports torch anew takes seconds.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    ends = [context.Pipe(duplex=False) for _ in range(2)]
    started = [context.Process(target=_member, args=(rank, port, function, ends[rank][1])) for rank in range(2)]
    for process in started:
        process.start()
    try:
        return [ends[rank][0].recv() if ends[rank][0].poll(60) else pytest.fail("no answer") for rank in range(2)]
    finally:
        for process in started:
            process.kill()
            process.join()


def _member(rank: int, port: int, function: Callable[[int], Any], answer: Any) -> None:
    environment = {"RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, str(value))
        with distributed.processes():
            try:
                result = function(rank)
            except (RefusedError, KeyboardInterrupt, ending.Terminated) as error:
                result = error
            answer.send(_plain(result))


def _plain(result: Any) -> Any:
    """Without shared memory, which would end with the process that owns it."""
    return {name: tensor.numpy() for name, tensor in result.items()} if isinstance(result, dict) else result


def close(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(torch.allclose(torch.as_tensor(one[k]), torch.as_tensor(other[k]), atol=1e-4) for k in one)


def test_two_processes_end_with_the_weights_of_one_and_with_the_same_ones() -> None:
    first, second = in_two_processes(lambda _: trained())
    assert all((first[name] == second[name]).all() for name in first)
    assert close(first, trained())


def test_each_process_takes_its_part_of_every_batch() -> None:
    def sizes(_: int) -> list[int]:
        seen: list[int] = []

        def counted(model: nn.Module, batch: Batch) -> Tensor:
            seen.append(len(batch.target))
            return cross_entropy(model, batch)

        trained(counted)
        return seen

    assert in_two_processes(sizes) == [[8, 8, 8, 3] * 2, [7, 7, 7, 2] * 2]


def test_the_gradient_is_that_of_the_whole_batch() -> None:
    def gradients(_: int) -> Weights:
        torch.manual_seed(0)
        network = SHAPE.network()
        distributed.alike(network, torch.optim.AdamW(network.parameters()), None)
        whole = Batch(beats()[:9].inputs, torch.eye(3).repeat(3, 1), torch.zeros(9, 2))
        own, share = distributed.part(whole)
        loss = share * cross_entropy(network, own)
        loss.backward()  # type: ignore[no-untyped-call]
        value = torch.tensor(distributed.add_up(network, loss))
        return {"loss": value, **{name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}}

    alone = gradients(0)
    for together in in_two_processes(gradients):
        for name, gradient in alone.items():
            assert torch.allclose(torch.as_tensor(together[name]), gradient, rtol=1e-3, atol=1e-6), name


def test_processes_draw_different_dropout() -> None:
    def drawn(_: int) -> float:
        chance: list[float] = []

        def noted(model: nn.Module, batch: Batch) -> Tensor:
            chance.append(float(torch.rand(1)))
            return cross_entropy(model, batch)

        trained(noted)
        return chance[0]

    first, second = in_two_processes(drawn)
    assert first != second


def test_a_resumed_pair_ends_as_an_undisturbed_one_though_only_the_first_has_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))

    def run(rank: int, interrupted: bool) -> Weights:
        steps = 0

        def loss(model: nn.Module, batch: Batch) -> Tensor:
            nonlocal steps
            steps += 1
            if interrupted and steps == 6:  # in the second epoch
                raise KeyboardInterrupt
            return cross_entropy(model, batch)

        if rank > 0:
            return trained(loss)
        with scratch.opened(RECORD):
            return trained(loss)

    undisturbed = in_two_processes(lambda _: trained())
    assert all(isinstance(result, KeyboardInterrupt) for result in in_two_processes(lambda rank: run(rank, True)))
    assert list(tmp_path.rglob("fit.safetensors"))
    for resumed in in_two_processes(lambda rank: run(rank, False)):
        assert all((resumed[name] == undisturbed[0][name]).all() for name in resumed)


def test_a_pair_that_gets_sigterm_ends_whoever_is_first_and_goes_on_from_its_last_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))

    def run(rank: int, terminated: bool) -> Weights:
        steps = 0

        def loss(model: nn.Module, batch: Batch) -> Tensor:
            nonlocal steps
            steps += 1
            if terminated and steps == 6 + rank:  # in the second epoch; the second process comes to a step without peer
                os.kill(os.getpid(), signal.SIGTERM)
            return cross_entropy(model, batch)

        with ending.listening("pair", limit=None):
            if rank > 0:
                return trained(loss)
            with scratch.opened(RECORD):
                return trained(loss)

    undisturbed = in_two_processes(lambda _: trained())
    assert all(isinstance(result, ending.Terminated) for result in in_two_processes(lambda rank: run(rank, True)))
    for resumed in in_two_processes(lambda rank: run(rank, False)):
        assert all((resumed[name] == undisturbed[0][name]).all() for name in resumed)


def test_a_batch_too_small_to_share_is_refused_by_every_process() -> None:
    small = TRAINING.model_copy(update={"sampling": Sampling(windows=16, batch=15)})
    for error in in_two_processes(lambda _: trained(training=small)):
        assert "2 processes cannot share a batch of 1 windows" in str(error)


def test_processes_with_different_work_refuse_to_train_together() -> None:
    for error in in_two_processes(lambda rank: distributed.agree({"data": "same", "parameters": f"epochs {rank}"})):
        assert isinstance(error, RefusedError)
        assert "different parameters (epochs 0, epochs 1)" in str(error)
