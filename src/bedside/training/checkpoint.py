"""Checkpoints: network, optimizer and progress in one safetensors file, sealed with a digest and replaced atomically.

The one before is kept too. What is damaged is put aside before anything of it is used.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from bedside import disk, scratch

State = dict[str, Any]
_SEAL, _BLANK = '"digest":"{}"', "0" * 64  # as the file's own header has it: its digest is taken with zeros there


class DamagedError(ValueError):
    """The file is not, to the bit, what was written for this training; the message says in what."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a training continues from; `state` is JSON (epoch, step, history)."""

    network: dict[str, Tensor]
    optimizer: dict[str, Any]
    best: dict[str, Tensor]
    state: State
    chance: Tensor

    def restore(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Set the weights, the optimizer's moments, and where torch's random numbers stand."""
        network.load_state_dict(self.network)
        optimizer.load_state_dict(optimizer.state_dict() | self.optimizer)
        torch.set_rng_state(self.chance)


def write(
    file: Path, network: nn.Module, best: dict[str, Tensor], optimizer: torch.optim.Optimizer, state: State
) -> None:
    """Write everything that the next step depends on; the file that was there is kept as the one before."""
    tensors = {f"network/{k}": v for k, v in network.state_dict().items()} | {"chance": torch.get_rng_state()}
    tensors |= {f"best/{k}": v for k, v in best.items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{key}": torch.as_tensor(value) for key, value in moments.items()}
    contiguous = {k: v.detach().contiguous().clone() for k, v in tensors.items()}
    about = {"state": json.dumps(state), "training": _training(file), "digest": _BLANK}
    disk.write(file, _sealed(safetensors.torch.save(contiguous, about)), before=before(file))


def before(file: Path) -> Path:
    """Where the checkpoint before this one lies."""
    return file.with_suffix(".before.safetensors")


def latest(file: Path) -> Checkpoint | None:
    """The newest sound checkpoint; each damaged one is put aside and told on stderr. None: from the start."""
    for place in (file, before(file)):
        if not place.exists():
            continue
        try:
            return read(place, _training(file))
        except DamagedError as damage:
            aside = scratch.put_aside(place)
            left = "the one before it" if place == file and before(file).exists() else "the start"
            print(
                f"{file.stem}: its checkpoint {place} {damage}; it is kept as {aside}, and the training goes on from "
                f"{left}",
                file=sys.stderr,
            )
    return None


def read(file: Path, training: str) -> Checkpoint:
    """What `write` wrote for this training; DamagedError if one bit of it is another."""
    content = file.read_bytes()
    about = _about(content)
    if about.get("training") != training:
        raise DamagedError(f"is one of {str(about.get('training'))[:80]}")
    tensors = safetensors.torch.load(content)
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("optimizer", tensors).items():
        number, key = name.split("/")
        moments.setdefault(int(number), {})[key] = tensor
    own, best = _under("network", tensors), _under("best", tensors)
    return Checkpoint(own, {"state": moments}, best, json.loads(about["state"]), tensors["chance"])


def _training(file: Path) -> str:
    """Which training a checkpoint is of: the work that its folder is named by, and its name in there."""
    return f"{file.parent.name}/{file.stem}"


def _sealed(content: bytes) -> bytes:
    seal = _SEAL.format(hashlib.sha256(content).hexdigest())
    return content.replace(_SEAL.format(_BLANK).encode(), seal.encode(), 1)


def _about(content: bytes) -> dict[str, str]:
    """The header's own texts, once the whole file is what its digest says."""
    try:
        about: dict[str, str] = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        seal = _SEAL.format(about["digest"]).encode()
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        raise DamagedError("is not a whole one") from None
    if _sealed(content.replace(seal, _SEAL.format(_BLANK).encode(), 1)) != content:
        raise DamagedError("is damaged (its content differs from its digest)")
    return about


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix + "/"): t for name, t in tensors.items() if name.startswith(prefix + "/")}
