"""Weights that somebody else has written: read as numbers, never as code."""

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from bedside.errors import RefusedError


def state_of(file: Path) -> dict[str, Tensor]:
    """The tensors in a file by name: safetensors, or a state dict that `torch.load(weights_only=True)` takes.

    RefusedError for everything else: a pickled network would run whatever code its author put into it.
    """
    if file.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(file)
        except safetensors.SafetensorError as error:
            raise RefusedError(f"{file}: is no safetensors file ({error}); write it again") from error
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a file can be that is none
        raise RefusedError(
            f"{file}: holds more than tensors, and that would run code to be read; save the network's state_dict() as "
            "safetensors (safetensors.torch.save_file)"
        ) from error
    return _state(found, file)


def _state(found: object, file: Path) -> dict[str, Tensor]:
    """A state dict, or the one inside a training checkpoint."""
    if isinstance(found, Mapping) and found and all(isinstance(value, Tensor) for value in found.values()):
        return {str(name): tensor.contiguous() for name, tensor in found.items()}
    if isinstance(found, Mapping):
        for key in ("state_dict", "model_state_dict", "model"):
            if isinstance(found.get(key), Mapping):
                return _state(found[key], file)
    raise RefusedError(f"{file}: is no state dict (name -> tensor) but a {type(found).__name__}; save state_dict()")
