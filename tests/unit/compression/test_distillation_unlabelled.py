"""Without labels, the teacher's answer stands wherever a label would."""

from dataclasses import replace

import torch

from bedside.compression.distillation import answered
from bedside.training.batches import Sampling, Tensors, epoch_batches
from bedside.training.validation import logits_of
from tests.unit.compression.waves import CLASSES, LARGE, STILL, beats, splits, taught


def mislabelled(data: Tensors) -> Tensors:
    return replace(data, label=data.label.roll(7))


def test_what_the_teacher_says_is_all_that_is_left() -> None:
    teacher = taught(LARGE, 60, 60, 60, 60)
    train, validation = beats(80, 10, 10, 4, seed=3), beats(8, 8, 8, 8, seed=4)
    honest, wrong = splits(train, validation), splits(mislabelled(train), mislabelled(validation))
    one, other = (answered(seen, teacher, logits_of(teacher, seen.train)) for seen in (honest, wrong))
    assert torch.equal(one.train.label, other.train.label)
    assert torch.equal(one.validation.label, other.validation.label)
    assert (one.train.label == train.label).float().mean() > 0.95


def test_windows_are_drawn_towards_equal_shares_of_what_the_teacher_calls_them() -> None:
    teacher, train = taught(LARGE, 60, 60, 60, 60), beats(380, 6, 6, 8, seed=3)
    unknown = splits(replace(train, label=torch.zeros_like(train.label)), beats(8, 8, 8, 8))
    seen = answered(unknown, teacher, logits_of(teacher, train)).train
    sampling = Sampling(windows=800, batch=800, balance=1.0, patients=0.0, augmentation=STILL)
    (batch,) = epoch_batches(seen, len(CLASSES), sampling, seed=0, epoch=0)
    shares = torch.bincount(train.label[batch.rows[:, 0]]) / 800  # by the labels that it was never told
    assert ((shares - 0.25).abs() < 0.06).all()
