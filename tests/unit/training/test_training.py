"""Training repeats itself after a kill, and validation patients decide what they should."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside import scratch
from bedside.errors import RefusedError
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork, ConvBlock
from bedside.models.last import last_layer
from bedside.training.batches import Augmentation, Batch, Sampling, Tensors, epoch_batches, window_weights
from bedside.training.committee import MeanAnswer
from bedside.training.loop import Training, fit, prepare_torch, rate
from bedside.training.stages import Splits, Validation, require_classes, shift_operating_point
from bedside.training.validation import average_precision, logits_of, watch
from tests.support.outcomes import deciding

BLOCK = ConvBlock(channels=4, kernel=5, stride=4)
SHAPE = CnnLstm(convolutions=(BLOCK,), lstm=(8,), head=8, dropout=0.0).fitted({"signal": (2, 40), "rhythm": (7,)}, 3)
TRAINING = Training(epochs=4, threads=1, sampling=Sampling(windows=64, batch=32))
STILL = Augmentation(gain=0, noise=0, shift=0, features=0, flip=0, mixup=0)
RECORD = {"component": "train", "params": {}}


def beats(windows: int = 96) -> Tensors:
    """Three classes that differ in where their bump sits."""
    generator = torch.Generator().manual_seed(1)
    label = torch.arange(windows) % 3
    time = torch.arange(40.0)
    bump = torch.exp(-((time - 10 * (label[:, None] + 1)) ** 2) / 8)
    signal = torch.stack([bump, bump], dim=1) + 0.1 * torch.randn(windows, 2, 40, generator=generator)
    return Tensors(
        {"signal": signal, "rhythm": torch.zeros(windows, 7)}, label, torch.zeros(windows, dtype=torch.int64)
    )


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    return functional.cross_entropy(model(**batch.inputs), batch.target)


def score(network: nn.Module) -> dict[str, float]:
    return watch(network, beats(), {"S": 1, "V": 2})


def trained(how: Callable[[nn.Module], dict[str, float]] = score, training: Training = TRAINING) -> CnnLstmNetwork:
    prepare_torch(training)
    network = SHAPE.network()
    fit(network, beats(), 3, training, cross_entropy, how)
    return network


def weights(network: nn.Module) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in network.state_dict().values()]


def test_the_same_seed_gives_the_same_weights() -> None:
    assert weights(trained()) == weights(trained())


def test_another_seed_gives_other_weights() -> None:
    assert weights(trained()) != weights(trained(training=TRAINING.model_copy(update={"seed": 1})))


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_a_killed_training_ends_with_the_weights_of_an_undisturbed_one(
    killed_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))
    calls = 0

    def interrupted(network: nn.Module) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == killed_at + 1:
            raise KeyboardInterrupt
        return score(network)

    with pytest.raises(KeyboardInterrupt), scratch.opened(RECORD):
        trained(interrupted)
    with scratch.opened(RECORD):
        resumed = trained()
    assert weights(resumed) == weights(trained())


def test_scratch_disappears_when_the_work_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))
    with scratch.opened(RECORD) as folder:
        trained()
        assert (folder / "fit.safetensors").is_file()
    assert not folder.exists()


def test_training_learns_what_is_there_to_learn() -> None:
    long = TRAINING.model_copy(
        update={"epochs": 20, "learning_rate": 2e-2, "sampling": Sampling(windows=256, batch=32, augmentation=STILL)}
    )
    network = trained(training=long)
    assert (logits_of(network, beats()).argmax(1) == beats().label).float().mean() > 0.95


def test_a_fine_tuning_that_only_harms_returns_what_it_was_given() -> None:
    scores = iter([0.9, 0.5, 0.4, 0.3, 0.2])
    prepare_torch(TRAINING)
    network = SHAPE.network()
    before = weights(network)
    fit(network, beats(), 3, TRAINING, cross_entropy, lambda _: {"score": next(scores)})
    assert weights(network) == before


def test_the_last_epoch_is_kept_where_validation_patients_do_not_choose_it() -> None:
    falling = iter(range(99, 0, -1))
    windows = beats()

    def kept(epoch: str) -> list[bytes]:
        splits = Splits(deciding("N", "S", "V"), windows, windows, Validation.model_validate({"epoch": epoch}))

        def worse_each_epoch(network: nn.Module) -> dict[str, float]:
            return {key: value * next(falling) for key, value in splits.score(network).items()}

        return weights(trained(worse_each_epoch))

    assert kept("best") == weights(trained(training=TRAINING.model_copy(update={"epochs": 0})))
    assert kept("last") != kept("best")


def test_an_epoch_can_be_drawn_again() -> None:
    sampling = Sampling(windows=50, batch=20)
    first = [b.inputs["signal"] for b in epoch_batches(beats(), 3, sampling, seed=3, epoch=5)]
    again = [b.inputs["signal"] for b in epoch_batches(beats(), 3, sampling, seed=3, epoch=5)]
    other = [b.inputs["signal"] for b in epoch_batches(beats(), 3, sampling, seed=3, epoch=6)]
    assert [len(b) for b in first] == [20, 20, 10]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_full_balance_draws_every_class_equally_often() -> None:
    label = torch.tensor([0] * 90 + [2] * 10)
    weights = window_weights(label, torch.zeros_like(label), balance=1.0, patients=0.0)
    assert weights[label == 0].sum() == pytest.approx(float(weights[label == 2].sum()))


def test_no_balance_draws_windows_as_recorded() -> None:
    label, patient = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1])
    weights = window_weights(label, patient, balance=0.0, patients=0.0)
    assert torch.allclose(weights, torch.ones(4, dtype=torch.float64))


def test_patients_of_a_class_are_drawn_equally_often_without_changing_the_share_of_the_class() -> None:
    label = torch.tensor([0] * 50 + [1] * 9 + [1])
    patient = torch.tensor([0] * 50 + [1] * 9 + [2])
    weights = window_weights(label, patient, balance=0.5, patients=1.0)
    rare = label == 1
    assert weights[rare][:9].sum() == pytest.approx(float(weights[rare][9]))
    as_recorded = window_weights(label, patient, balance=0.5, patients=0.0)
    assert weights[rare].sum() / weights.sum() == pytest.approx(float(as_recorded[rare].sum() / as_recorded.sum()))


def test_no_augmentation_leaves_windows_as_recorded() -> None:
    recorded = {signal.numpy().tobytes() for signal in beats().inputs["signal"]}
    (batch,) = epoch_batches(beats(), 3, Sampling(windows=10, batch=10, augmentation=STILL), seed=0, epoch=0)
    assert {signal.numpy().tobytes() for signal in batch.inputs["signal"]} <= recorded


@pytest.mark.parametrize("mixup", [0.0, 1.0])
def test_a_batch_knows_the_recorded_windows_it_is_made_of(mixup: float) -> None:
    only, data = STILL.model_copy(update={"mixup": mixup}), beats()
    signal = data.inputs["signal"]
    for batch in epoch_batches(data, 3, Sampling(windows=60, batch=25, augmentation=only), seed=0, epoch=0):
        one, other = batch.rows.unbind(1)
        again = batch.share * signal[one] + (1 - batch.share) * signal[other]
        assert torch.allclose(batch.inputs["signal"], again, atol=1e-6)


def test_mixup_gives_window_and_target_the_same_share_of_another_window() -> None:
    only = STILL.model_copy(update={"mixup": 1.0})
    data = beats()
    flat = {**data.inputs, "signal": data.label[:, None, None].float().expand(-1, 2, 40)}
    constant = Tensors(flat, data.label, data.patient)
    (batch,) = epoch_batches(constant, 3, Sampling(windows=30, batch=30, augmentation=only), seed=0, epoch=0)
    expected = (batch.target * torch.arange(3.0)).sum(1)
    assert torch.allclose(batch.inputs["signal"][:, 0, 0], expected, atol=1e-5)
    assert torch.allclose(batch.target.sum(1), torch.ones(30))
    assert ((batch.target > 0).sum(1) == 2).any()


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    assert rate(0.05, 0.1) == pytest.approx(0.5)
    assert rate(0.1, 0.1) == pytest.approx(1.0)
    assert rate(1.0, 0.1) == pytest.approx(0.0)


def test_average_precision_of_a_perfect_ranking_is_one_and_of_no_positives_unknown() -> None:
    assert average_precision(np.array([0.9, 0.2]), np.array([True, False])) == 1.0
    assert np.isnan(average_precision(np.array([0.9]), np.array([False])))


def test_a_shifted_operating_point_moves_one_logit_and_leaves_the_others() -> None:
    shapes = {"signal": (1, 16), "rhythm": (3,)}
    architecture = CnnLstm(convolutions=(ConvBlock(channels=4, kernel=3),), head=4).fitted(shapes, 3)
    network = architecture.network().eval()
    windows = {name: torch.randn(5, *shape) for name, shape in shapes.items()}
    before = network(**windows)
    last = last_layer(network, shapes)
    assert last is not None
    shift_operating_point(last, ["N", "S", "V"], {"V": -0.35})
    assert torch.allclose(network(**windows) - before, torch.tensor([0.0, 0.0, -0.35]), atol=1e-6)


def test_an_operating_point_of_an_unknown_class_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RefusedError, match="no class X here; this dataset has N, V"):
        require_classes("operating_point", {"X": 0.1}, ["N", "V"])


def test_a_committee_answers_with_the_geometric_mean_of_its_members() -> None:
    members = [trained(), trained(training=TRAINING.model_copy(update={"seed": 1}))]
    seen = beats()
    with torch.no_grad():
        own = [torch.softmax(member(**seen.inputs), dim=1) for member in members]
        together = torch.softmax(MeanAnswer(members)(**seen.inputs), dim=1)
    mean = (own[0] * own[1]).sqrt()
    assert torch.allclose(together, mean / mean.sum(dim=1, keepdim=True), atol=1e-6)
    assert not torch.allclose(own[0], own[1], atol=1e-3)


def test_a_watched_class_that_validation_patients_do_not_have_has_no_figure() -> None:
    found = watch(trained(), beats(), {"S": 1, "V": 2, "F": 3})
    assert found == score(trained())
