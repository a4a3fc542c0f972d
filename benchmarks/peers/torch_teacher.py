"""For the peers that take torch networks: the teacher as a module, fine-tuning without its soft answers, and export.

Fine-tuning draws the same windows in the same way for as many epochs as bedside's own pruning does; what it learns from
are the labels alone, since distillation is bedside's, not these toolkits'.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bedside.models import Network
from bedside.training.batches import Batch, Tensors
from bedside.training.loop import Training, fit, prepare_torch
from bedside.training.validation import watch
from benchmarks.peers.handout import EXPECTED, Handout

BATCH = torch.export.Dim("batch", min=1, max=2**16)


def load(handout: Handout) -> nn.Module:
    """The teacher in evaluation mode."""
    import safetensors.torch

    folder = handout.folder / "teacher"
    network = Network.model_validate_json((folder / "network.json").read_text(encoding="utf-8")).network()
    network.load_state_dict(safetensors.torch.load_file(folder / "model.safetensors"))
    prepare_torch(Training())
    return network.eval()


def example(handout: Handout, windows: int = 2) -> tuple[Tensor, Tensor]:
    """Signal and rhythm of the first calibration windows."""
    found = handout.calibration()
    return torch.from_numpy(found["signal"][:windows]), torch.from_numpy(found["rhythm"][:windows])


def fine_tune(network: nn.Module, handout: Handout, name: str, training: Training | None = None) -> None:
    """Train in place on the labels of training patients; validation patients choose the epoch, as in bedside."""
    classes: list[str] = handout.facts["classes"]
    train, validation = (tensors(handout, split) for split in ("train", "validation"))
    watched: dict[str, int] = {c: classes.index(c) for c in ("S", "V") if c in classes}
    settings = training or Training.model_validate(handout.facts["prune"]["training"])
    fit(network, train, len(classes), settings, cross_entropy, lambda n: watch(n, validation, watched), name=name)


def cross_entropy(network: nn.Module, batch: Batch) -> Tensor:
    """Mean over the batch of the cross entropy with the (mixed) labels."""
    return nn.functional.cross_entropy(network(batch.signal, batch.rhythm), batch.target)


def tensors(handout: Handout, split: str) -> Tensors:
    """A split as bedside's training reads it."""
    found = handout.windows(split)
    return Tensors(*(torch.from_numpy(found[name]) for name in ("signal", "rhythm", "label", "patient")))


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
        input_names=["signal", "rhythm"],
        output_names=["logits"],
        dynamic_shapes=({0: BATCH}, {0: BATCH}),
    )
    np.save(target.with_suffix(".expected.npy"), expected)
