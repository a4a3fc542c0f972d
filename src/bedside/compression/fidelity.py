"""How true a compressed network stays to its teacher, on validation patients."""

import torch
from torch import nn

from bedside.errors import RefusedError
from bedside.training.loop import Score
from bedside.training.stages import Splits
from bedside.training.validation import logits_of


def fidelity(teacher: nn.Module, splits: Splits) -> Score:
    """A score: of the windows that the teacher has right, the share that stays right; the mean over all classes.

    A network that inherits its operating point is chosen by its answers, not by its ranking: this is what the gate on
    harmful flips (G7) asks on test patients, with every class counting the same.
    """
    label = splits.validation.label
    right = logits_of(teacher, splits.validation, whose="the teacher").argmax(dim=1) == label
    if not right.any():
        unit = splits.outcome.unit.one
        raise RefusedError(f"the teacher has no validation {unit} right, so nobody can be true to it; train it again")
    rights = {name: right & (label == c) for c, name in enumerate(splits.classes)}

    def score(network: nn.Module) -> dict[str, float]:
        same = logits_of(network, splits.validation).argmax(dim=1) == label
        kept = {f"{name}_kept": float(same[rows].double().mean()) for name, rows in rights.items() if rows.any()}
        return {"score": float(torch.tensor(list(kept.values())).mean()), **kept}

    return score
