"""A network with what techniques have to cope with: depthwise filters, a squeeze, a sum, a concatenation, a GRU."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Squeeze(nn.Module):
    """A weight per channel, from its mean over time (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(channels, channels // 4), nn.Linear(channels // 4, channels)

    def forward(self, signal: Tensor) -> Tensor:
        weight = torch.sigmoid(self.up(functional.gelu(self.down(signal.mean(dim=2)))))
        return signal * weight[:, :, None]


class Breath(nn.Module):
    """Two widths of kernel over the airflow, a squeeze, a GRU over what is left of time, oximetry beside it."""

    def __init__(self, width: int = 32, units: int = 32, classes: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, width, 5, stride=2, padding=2, bias=False)
        self.norm = nn.GroupNorm(1, width)
        self.wide = nn.Conv1d(width, width, 9, padding=4, groups=width)
        self.mix = nn.Conv1d(width, width, 1)
        self.squeeze = Squeeze(width)
        self.narrow = nn.Conv1d(width, width // 2, 3, padding=2, dilation=2)
        self.gru = nn.GRU(width + width // 2, units, batch_first=True)
        self.output = nn.Linear(units + 3, classes)

    def forward(self, flow: Tensor, oximetry: Tensor) -> Tensor:
        """flow (batch, 1, time), oximetry (batch, 3) -> logits (batch, class)."""
        read = functional.relu(self.norm(self.stem(flow)))
        read = self.squeeze(functional.relu(self.mix(self.wide(read)) + read))
        both = torch.cat([read, functional.relu(self.narrow(read))], dim=1)
        pooled = functional.avg_pool1d(both, 4).transpose(1, 2)
        _, last = self.gru(pooled)
        logits: Tensor = self.output(torch.cat([last[0], oximetry], dim=1))
        return logits
