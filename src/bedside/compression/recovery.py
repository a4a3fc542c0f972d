"""What follows a cut: fine-tuning that brings a network back to its teacher."""

from torch import nn

from bedside.compression.distillation import SoftTargets, distillation_loss
from bedside.compression.fidelity import fidelity
from bedside.training.loop import Training, fit
from bedside.training.stages import Splits, parameters, validation_metrics


def recover(
    network: nn.Module, guide: nn.Module, splits: Splits, soft_targets: SoftTargets, training: Training
) -> dict[str, float]:
    """Fine-tune in place on the teacher's soft answers; return the model's metrics, with its fidelity before and after.

    The epoch is chosen by fidelity to the teacher on validation patients; the cut network itself is one candidate.
    """
    loss, score = distillation_loss(soft_targets, guide), fidelity(guide, splits)
    history = fit(network, splits.train, len(splits.classes), training, loss, score)
    return {
        "model/parameters": float(parameters(network)),
        "validation/fidelity_without_training": history[0]["score"],
        "validation/fidelity": max(entry["score"] for entry in history),
        **validation_metrics(network, splits),
    }
