"""A checkpoint is what was written for this training, to the bit, or nothing of it is used."""

import os
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside import ending, scratch
from bedside.models.cnn_lstm import CnnLstm, ConvBlock
from bedside.scratch import home
from bedside.training import checkpoint
from bedside.training.batches import Batch, Sampling, Tensors
from bedside.training.checkpoint import DamagedError
from bedside.training.loop import Loss, Score, Training, fit, prepare_torch
from bedside.training.validation import watch
from tests.support.damage import DAMAGES, Damage, flipped

FOLDER = "train-folder"
RECORD = {"component": "train", "params": {}}
BLOCK = ConvBlock(channels=4, kernel=5, stride=4)
SHAPE = CnnLstm(convolutions=(BLOCK,), lstm=(8,), head=8, dropout=0.0).fitted({"signal": (2, 40), "rhythm": (7,)}, 3)
TRAINING = Training(epochs=4, threads=1, sampling=Sampling(windows=64, batch=32))
STEPS = 8  # four epochs of two


def beats() -> Tensors:
    generator = torch.Generator().manual_seed(1)
    inputs = {"signal": torch.randn(48, 2, 40, generator=generator), "rhythm": torch.zeros(48, 7)}
    return Tensors(inputs, torch.arange(48) % 3, torch.zeros(48, dtype=torch.int64))


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    return functional.cross_entropy(model(**batch.inputs), batch.target)


def score(network: nn.Module) -> dict[str, float]:
    return watch(network, beats(), {"S": 1, "V": 2})


def trained(shape: CnnLstm = SHAPE, loss: Loss = cross_entropy, how: Score = score) -> nn.Module:
    prepare_torch(TRAINING)
    network = shape.network()
    fit(network, beats(), 3, TRAINING, loss, how)
    return network


def weights(network: nn.Module) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in network.state_dict().values()]


def written(folder: Path, epoch: int = 1) -> Path:
    """A checkpoint of a network that has taken a step."""
    folder.mkdir(parents=True, exist_ok=True)
    network = nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    checkpoint.write(folder / "fit.safetensors", network, network.state_dict(), optimizer, {"epoch": epoch})
    return folder / "fit.safetensors"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "home"))
    return tmp_path / "home/scratch" / FOLDER


def test_what_was_written_is_read(work: Path) -> None:
    kept = checkpoint.latest(written(work))
    assert kept is not None
    assert kept.state == {"epoch": 1}
    assert sorted(kept.network) == sorted(kept.best) == ["bias", "weight"]
    assert sorted(kept.optimizer["state"]) == [0, 1]


def test_a_flipped_bit_is_found_wherever_it_is(work: Path) -> None:
    file = written(work)
    sound = file.read_bytes()
    for place in range(0, len(sound) * 8, 37):  # all over it, each bit of a byte in turn
        damaged = bytearray(sound)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        with pytest.raises(DamagedError):
            checkpoint.read(file, f"{FOLDER}/fit")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_put_aside_and_the_one_before_it_is_taken(
    damage: Damage, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(work, epoch=1)
    file = written(work, epoch=2)
    damaged = damage(file.read_bytes(), 3)
    file.write_bytes(damaged)
    kept = checkpoint.latest(file)
    assert kept is not None
    assert kept.state == {"epoch": 1}
    (aside,) = (home() / "damaged").iterdir()
    assert aside.read_bytes() == damaged
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"{file} is" in told
    assert f"kept as {aside}, and the training goes on from the one before it" in told


def test_where_both_are_damaged_the_training_begins_again(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(work)
    file = written(work)
    for place in (file, checkpoint.before(file)):
        place.write_bytes(flipped(place.read_bytes(), 5))
    assert checkpoint.latest(file) is None
    assert "goes on from the start" in capsys.readouterr().err
    assert len(list((home() / "damaged").iterdir())) == 2


def test_one_of_another_training_is_none_of_this(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = written(work.with_name("train-other"))
    work.mkdir()
    other.rename(work / "fit.safetensors")
    assert checkpoint.latest(work / "fit.safetensors") is None
    assert "is one of train-other/fit" in capsys.readouterr().err


def test_a_kill_between_its_two_renames_leaves_the_one_before(work: Path) -> None:
    file = written(work)
    file.rename(checkpoint.before(file))
    kept = checkpoint.latest(file)
    assert kept is not None


@pytest.mark.parametrize("number", range(6))
def test_a_training_that_meets_a_damaged_one_ends_with_the_weights_of_an_undisturbed_one(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))
    judged = iter(range(10))

    def interrupted(network: nn.Module) -> dict[str, float]:
        if next(judged) == 3:
            raise KeyboardInterrupt
        return score(network)

    with pytest.raises(KeyboardInterrupt), scratch.opened(RECORD) as folder:
        trained(how=interrupted)
    file = folder / "fit.safetensors"
    file.write_bytes(DAMAGES[number % len(DAMAGES)](file.read_bytes(), number))
    with scratch.opened(RECORD):
        resumed = trained()
    assert weights(resumed) == weights(trained())


@pytest.mark.parametrize("step", [1, 2, 3, 5, 8])
def test_a_training_that_gets_sigterm_leaves_after_that_step_and_goes_on_from_there(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))
    taken: list[int] = []

    def terminated(model: nn.Module, batch: Batch) -> Tensor:
        taken.append(len(taken) + 1)
        if len(taken) == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return cross_entropy(model, batch)

    shape = SHAPE.model_copy(update={"dropout": 0.5})  # so that a resumed epoch needs its random numbers
    with pytest.raises(ending.Terminated), ending.listening("training", limit=None), scratch.opened(RECORD):
        trained(shape, terminated)
    assert len(taken) == step
    with scratch.opened(RECORD):
        resumed = trained(shape, terminated)
    assert len(taken) == STEPS
    assert weights(resumed) == weights(trained(shape, cross_entropy))
