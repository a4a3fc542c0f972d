"""Reading and writing model artifacts: `network.json` and `model.safetensors`, never pickle, numbers alone."""

from pathlib import Path

import safetensors.torch
from torch import nn

from bedside.artifacts import Artifact, write_atomic
from bedside.disk import named
from bedside.errors import NotFiniteError
from bedside.models.finite import not_finite
from bedside.models.network import Network
from bedside.tensors import reading

DESCRIPTION, WEIGHTS = "network.json", "model.safetensors"


def save(network: nn.Module, shape: Network, folder: Path) -> None:
    """Write the network into an artifact's staging folder; NotFiniteError for weights that are not finite."""
    if found := not_finite(network):
        raise NotFiniteError(f"the {shape.kind}", f"holds {found} and is not saved", "lower its training.learning_rate")
    write_atomic(folder / DESCRIPTION, shape.model_dump_json(indent=1) + "\n")
    weights = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    with named(folder / WEIGHTS):
        (folder / WEIGHTS).write_bytes(safetensors.torch.save(weights))


def described(model: Artifact) -> Network:
    """The network that a model artifact declares."""
    return Network.model_validate(model.json(DESCRIPTION))


def load(model: Artifact) -> nn.Module:
    """Rebuild the network of a verified model artifact, in evaluation mode.

    NotFiniteError for one with weights that are not finite, before anything is made of it: it names who made it.
    """
    network = described(model).network()
    with reading(model / WEIGHTS):
        network.load_state_dict(safetensors.torch.load_file(model / WEIGHTS))
    if found := not_finite(network):
        maker = model.manifest.get("component", "the stage that made it")
        advice = f"run {maker} again with a lower training.learning_rate"
        raise NotFiniteError(f"the network in {model.path}", f"holds {found}", advice)
    return network.eval()
