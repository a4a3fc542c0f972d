"""The network. Replace it by your own: any nn.Module that takes a window's inputs by name."""

import torch
from torch import Tensor, nn


class Gated(nn.Module):
    """Two dilated convolutions side by side, squeezed by a gate per channel, then a linear layer."""

    def __init__(self, channels: int = 1, features: int = 2, width: int = 48, classes: int = 2) -> None:
        super().__init__()
        self.near = nn.Conv1d(channels, width, 5, stride=2, padding=2)
        self.far = nn.Conv1d(channels, width, 5, stride=2, padding=8, dilation=4)
        self.mix = nn.Conv1d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.gate = nn.Linear(width, width)
        self.output = nn.Linear(width + features, classes)

    def forward(self, signal: Tensor, features: Tensor) -> Tensor:
        """signal (batch, channel, time), features (batch, feature) -> logits (batch, class)."""
        read = torch.relu(self.near(signal) + self.far(signal))
        read = torch.relu(self.norm(self.mix(read)) + read).mean(dim=2)
        gated = read * torch.sigmoid(self.gate(read))
        logits: Tensor = self.output(torch.cat([gated, features], dim=1))
        return logits
