"""Whether a network is made of numbers."""

import torch
from torch import Tensor, nn


def not_finite(network: nn.Module) -> str | None:
    """What of the network's weights and buffers is not finite, in words; None for a sound one.

    Minus infinity in a buffer is how a mask says "never this one", and stays.
    """
    masks = {name for name, _ in network.named_buffers()}
    counts = {name: _count(tensor, name in masks) for name, tensor in network.state_dict().items()}
    wrong = {name: count for name, count in counts.items() if count}
    if not wrong:
        return None
    return f"{sum(wrong.values())} values that are not finite (in {next(iter(wrong))} first)"


def _count(tensor: Tensor, may_mask: bool) -> int:
    wrong = ~torch.isfinite(tensor)
    return int((wrong & (tensor != -torch.inf) if may_mask else wrong).sum())
