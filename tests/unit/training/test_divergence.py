"""A training that diverges stops where it does, says so in one sentence, and leaves no weights behind."""

import math
import re
from pathlib import Path

import pytest
from torch import Tensor, nn

from bedside import scratch
from bedside.errors import RefusedError
from bedside.training.batches import Augmentation, Batch, Sampling
from bedside.training.loop import Training, fit, prepare_torch
from tests.unit.training.test_training import RECORD, SHAPE, TRAINING, beats, cross_entropy, score

DIVERGES = TRAINING.model_copy(update={"learning_rate": 1e20})


def stopped(training: Training, loss: object = cross_entropy, how: object = score, name: str = "fit") -> str:
    prepare_torch(training)
    with pytest.raises(RefusedError) as refused:
        fit(SHAPE.network(), beats(), 3, training, loss, how, name)  # type: ignore[arg-type]
    return str(refused.value)


def test_it_stops_in_its_first_epoch_and_says_what_to_change() -> None:
    message = stopped(DIVERGES, name="soft-targets")
    assert message.startswith("soft-targets: diverged in epoch 1")
    assert "training.learning_rate (1e+20)" in message
    assert "clip (1)" in message
    assert "\n" not in message


def test_it_is_not_resumed_from_what_has_diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))
    with pytest.raises(RefusedError), scratch.opened(RECORD):
        fit(SHAPE.network(), beats(), 3, DIVERGES, cross_entropy, score)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_gradient_that_is_not_finite_stops_it_though_the_loss_is() -> None:
    def steep(network: nn.Module, batch: Batch) -> Tensor:
        return cross_entropy(network, batch) + network.get_parameter("output.bias").mul(0).sqrt().sum()

    assert "the gradient's norm is nan" in stopped(TRAINING, steep)


def test_a_loss_that_is_nothing_before_any_step_is_not_blamed_on_the_step_size() -> None:
    def overflowing(network: nn.Module, batch: Batch) -> Tensor:
        return cross_entropy(network, batch) * 1e38 * 1e38

    message = stopped(TRAINING, overflowing)
    assert message.startswith("fit: epoch 1, step 1 of 2: the loss is inf before any weight has moved")
    assert "learning_rate" not in message


def test_windows_that_augmentation_makes_infinite_are_blamed_on_augmentation() -> None:
    loud = Sampling(windows=64, batch=32, augmentation=Augmentation(gain=1e3))
    message = stopped(TRAINING.model_copy(update={"sampling": loud}))
    assert "training.sampling.augmentation" in message
    assert "learning_rate" not in message


def test_weights_that_are_not_finite_after_the_epoch_stop_it_whatever_the_loss_was() -> None:
    def breaks_its_norm(network: nn.Module, batch: Batch) -> Tensor:
        network.get_buffer("convolutions.0.norm.running_var").fill_(math.inf)
        return cross_entropy(network, batch)

    message = stopped(TRAINING, breaks_its_norm)
    assert message.startswith("fit: diverged in epoch 1: it holds 4 values that are not finite")
    assert "convolutions.0.norm.running_var" in message


def test_answers_that_overflow_stop_it_though_the_weights_are_finite() -> None:
    one_step = Sampling(windows=32, batch=32)
    message = stopped(DIVERGES.model_copy(update={"learning_rate": 1e21, "sampling": one_step}))
    assert re.match(r"fit: diverged in epoch 1: it answers \d+ of 96 windows with numbers that are not finite", message)


def test_a_score_that_is_not_a_number_chooses_no_epoch() -> None:
    message = stopped(TRAINING, how=lambda _: {"score": math.nan})
    assert "the score of its validation patients is nan" in message


def test_a_score_of_minus_infinity_rolls_back_and_does_not_stop() -> None:
    scores = iter([0.5, *[-math.inf] * TRAINING.epochs])
    prepare_torch(TRAINING)
    history = fit(SHAPE.network(), beats(), 3, TRAINING, cross_entropy, lambda _: {"score": next(scores)})
    assert len(history) == TRAINING.epochs + 1
