"""Lottery tickets: what the weights that are left go back to before they are trained again.

`initial` is the experiment of Frankle and Carbin (2019): the weights before any training, rebuilt from the seed in the
parent's manifest, so they are the very ones and not a fresh draw, which the paper shows to do worse. `parent` is its
form for trained networks (Chen et al. 2020): back to the parent's final weights. An early epoch (Frankle et al. 2020)
is not offered: artifacts hold the final weights alone.
"""

from typing import Literal

import torch
from torch import Tensor

from bedside.artifacts import Artifact
from bedside.errors import RefusedError
from bedside.models.io import described, load

Rewind = Literal["none", "parent", "initial"]
State = dict[str, Tensor]


def start_of(parent: Artifact, rewind: Rewind) -> State | None:
    """The state to go back to after each step, or None for a network that just goes on."""
    if rewind == "none":
        return None
    return load(parent).state_dict() if rewind == "parent" else initial(parent)


def initial(parent: Artifact) -> State:
    """The weights that the parent's training began with: `train_teacher` draws them first thing after its seed."""
    maker = parent.manifest.get("component")
    if maker != "train_teacher":
        raise RefusedError(
            f"rewind: initial needs a parent that train_teacher made, not {maker}: the seed of another technique does "
            "not tell where its weights began; take the teacher as parent, or rewind: parent (params.yaml)"
        )
    torch.manual_seed(parent.manifest["params"]["params"]["training"]["seed"])
    return described(parent).network().state_dict()
