"""Distillation without labels: the teacher's answer stands wherever a label would."""

from dataclasses import replace

from torch import Tensor, nn

from bedside.training.stages import Splits
from bedside.training.validation import logits_of


def answered(splits: Splits, teacher: nn.Module, recorded: Tensor) -> Splits:
    """The splits with the teacher's answers as labels; `recorded` are its logits (window, class) of the training split.

    So sampling is balanced over what the teacher calls a window, mixup mixes that, an edge case is a window that the
    teacher calls rare, and the epoch is chosen by agreement with the teacher: no label reaches a weight.
    """
    validation = logits_of(teacher, splits.validation, whose="the teacher").argmax(dim=1)
    return replace(
        splits,
        train=replace(splits.train, label=recorded.argmax(dim=1)),
        validation=replace(splits.validation, label=validation),
    )
