"""For the peers that take torch networks: the teacher as a module, fine-tuning without its soft answers, and export.

Fine-tuning draws the same windows in the same way for as many epochs as bedside's own pruning does; what it learns from
are the labels alone, since distillation is bedside's, not these toolkits'.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bedside.models import Network
from bedside.models.traced import traced
from bedside.training.batches import Batch, Tensors
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.validation import watch
from benchmarks.peers.handout import EXPECTED, Handout

BATCH = torch.export.Dim("batch", min=1, max=2**16)


def load(handout: Handout) -> nn.Module:
    """The teacher in evaluation mode; toolkits call it with an argument for each input, in the handout's order."""
    import safetensors.torch

    folder = handout.folder / "teacher"
    shape = Network.model_validate_json((folder / "network.json").read_text(encoding="utf-8"))
    network = shape.network()
    network.load_state_dict(safetensors.torch.load_file(folder / "model.safetensors"))
    prepare_torch(Training())
    return traced(network, {name: shape.inputs[name] for name in handout.facts["inputs"]}).eval()


class ByName(nn.Module):
    """Lets bedside's training, which calls by name, call what a toolkit captured with arguments in their order."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, **inputs: Tensor) -> Any:
        return self.network(*inputs.values())


def example(handout: Handout, windows: int = 2) -> tuple[Tensor, ...]:
    """The first calibration windows, an argument for each input."""
    return tuple(torch.from_numpy(array[:windows]) for array in handout.calibration().values())


def free_batch(handout: Handout) -> tuple[dict[int, Any], ...]:
    """For torch.export: the batch of each input may be of any size."""
    return tuple({0: BATCH} for _ in handout.facts["inputs"])


def fine_tune(network: nn.Module, handout: Handout, name: str, training: Training | None = None) -> None:
    """Train in place on the labels of training patients; validation patients choose the epoch, as in bedside."""
    classes: list[str] = handout.facts["classes"]
    train, validation = (tensors(handout, split) for split in ("train", "validation"))
    watched: dict[str, int] = {c: classes.index(c) for c in ("S", "V") if c in classes}
    settings = training or Training.model_validate(handout.facts["prune"]["training"])
    fit(
        ByName(network),
        train,
        len(classes),
        settings,
        cross_entropy,
        lambda n: watch(n, validation, watched),
        name=name,
    )


def cross_entropy(network: nn.Module, batch: Batch) -> Tensor:
    """Mean over the batch of the cross entropy with the (mixed) labels."""
    return nn.functional.cross_entropy(network(**batch.inputs), batch.target)


def tensors(handout: Handout, split: str) -> Tensors:
    """A split as bedside's training reads it."""
    found = handout.windows(split)
    inputs = {name: torch.from_numpy(array) for name, array in handout.fed(found).items()}
    return Tensors(inputs, *(torch.from_numpy(found[name]) for name in ("label", "patient")))


def export(network: nn.Module, handout: Handout, target: Path) -> None:
    """Write the ONNX file of a network in evaluation mode, and its answers (`.expected.npy`) for the parity gate."""
    with torch.no_grad():
        expected = network(*example(handout, EXPECTED)).numpy()
    torch.onnx.export(
        network,
        example(handout),
        str(target),
        dynamo=True,
        external_data=False,
        input_names=list(handout.facts["inputs"]),
        output_names=["logits"],
        dynamic_shapes=free_batch(handout),
    )
    np.save(target.with_suffix(".expected.npy"), expected)
