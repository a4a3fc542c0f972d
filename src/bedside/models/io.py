"""Reading and writing model artifacts: `architecture.json` and `model.safetensors`, never pickle."""

from pathlib import Path

import safetensors.torch
from torch import nn

from bedside.artifacts import Artifact, write_atomic
from bedside.models.base import Architecture

ARCHITECTURE, WEIGHTS = "architecture.json", "model.safetensors"


def save(network: nn.Module, architecture: Architecture, folder: Path) -> None:
    """Write the network into an artifact's staging folder."""
    write_atomic(folder / ARCHITECTURE, architecture.model_dump_json(indent=1) + "\n")
    tensors = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    safetensors.torch.save_file(tensors, folder / WEIGHTS)


def architecture_of(model: Artifact) -> Architecture:
    """The architecture that a model artifact declares."""
    return Architecture.build(model.json(ARCHITECTURE))


def load(model: Artifact) -> nn.Module:
    """Rebuild the network of a verified model artifact, in evaluation mode."""
    network = architecture_of(model).network()
    network.load_state_dict(safetensors.torch.load_file(model / WEIGHTS))
    return network.eval()
