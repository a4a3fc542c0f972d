"""EEGNet (Lawhern et al. 2018): filters in time, then across electrodes, then both apart; for few recordings."""

from typing import Literal

import pydantic
from torch import Tensor, nn
from torch.nn import functional

from bedside.models.zoo import Ready, signal_of, with_features


class EegNet(Ready):
    """F1 = `temporal` filters in time, `depth` spatial ones of each, `kernel` samples long (half the sampling rate)."""

    kind: Literal["eegnet"] = "eegnet"
    temporal: pydantic.PositiveInt = 8
    depth: pydantic.PositiveInt = 2
    separable: pydantic.PositiveInt = 16
    kernel: int = pydantic.Field(default=31, gt=0, description="odd, so that the signal keeps its length")
    pools: tuple[pydantic.PositiveInt, pydantic.PositiveInt] = (4, 4)
    dropout: float = pydantic.Field(default=0.25, ge=0, lt=1)

    def network(self) -> "EegNetNetwork":
        return EegNetNetwork(self)


class EegNetNetwork(nn.Module):
    """Two-dimensional convolutions over (electrode, time), as the authors published them."""

    def __init__(self, shape: EegNet) -> None:
        super().__init__()
        spatial, kernel = shape.temporal * shape.depth, shape.kernel
        self.temporal = nn.Conv2d(1, shape.temporal, (1, kernel), padding=(0, kernel // 2), bias=False)
        self.temporal_norm = nn.BatchNorm2d(shape.temporal)
        self.spatial = nn.Conv2d(shape.temporal, spatial, (shape.channels, 1), groups=shape.temporal, bias=False)
        self.spatial_norm = nn.BatchNorm2d(spatial)
        self.depthwise = nn.Conv2d(spatial, spatial, (1, 15), padding=(0, 7), groups=spatial, bias=False)
        self.pointwise = nn.Conv2d(spatial, shape.separable, 1, bias=False)
        self.separable_norm = nn.BatchNorm2d(shape.separable)
        self.pools = nn.ModuleList(nn.AvgPool2d((1, pool)) for pool in shape.pools)
        self.dropout = nn.Dropout(shape.dropout)
        instants = shape.length // shape.pools[0] // shape.pools[1]
        self.output = nn.Linear(shape.separable * instants + shape.features, shape.classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name, each with the batch first -> logits (batch, class)."""
        first, second = self.pools
        image = self.temporal_norm(self.temporal(signal_of(inputs).unsqueeze(1)))
        image = self.dropout(first(functional.elu(self.spatial_norm(self.spatial(image)))))
        image = functional.elu(self.separable_norm(self.pointwise(self.depthwise(image))))
        logits: Tensor = self.output(with_features(self.dropout(second(image)).flatten(1), inputs))
        return logits
