"""Checkpoints: network, optimizer and progress in one safetensors file, replaced atomically."""

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

State = dict[str, Any]


def write(
    file: Path, network: nn.Module, best: dict[str, Tensor], optimizer: torch.optim.Optimizer, state: State
) -> None:
    """Write everything that the next epoch depends on; `state` is JSON (epoch, history)."""
    tensors = {f"network/{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"best/{k}": v for k, v in best.items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{key}": torch.as_tensor(value) for key, value in moments.items()}
    partial = file.with_suffix(".part")
    contiguous = {k: v.detach().contiguous().clone() for k, v in tensors.items()}
    safetensors.torch.save_file(contiguous, partial, metadata={"state": json.dumps(state)})
    partial.replace(file)


def read(file: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], State]:
    """Restore network and optimizer in place; return the best weights so far and the state."""
    with safetensors.safe_open(file, framework="pt") as opened:
        state: State = json.loads(opened.metadata()["state"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (not a mapping)
    network.load_state_dict(_under("network", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("optimizer", tensors).items():
        number, key = name.split("/")
        moments.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    return _under("best", tensors), state


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix + "/"): t for name, t in tensors.items() if name.startswith(prefix + "/")}
