"""Early exit (BranchyNet, Teerapittayanon et al. 2016): a head after the first blocks answers the easy windows."""

from collections.abc import Sequence
from typing import Literal, Self

import pydantic
from torch import Tensor, nn

from bedside.models.base import Architecture
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork, ConvBnRelu
from bedside.models.switched import SwitchedNetwork


class EarlyExit(Architecture):
    """`full`, cut after `after` convolution blocks; `exit` reads what those make of the signal."""

    kind: Literal["early_exit"] = "early_exit"
    full: CnnLstm
    exit: CnnLstm
    after: int = pydantic.Field(default=1, gt=0)

    def fitted(self, signal: Sequence[int], rhythm: Sequence[int], classes: int) -> Self:
        full = self.full.fitted(signal, rhythm, classes)
        head = self.exit.fitted((full.convolutions[self.after - 1].channels,), rhythm, classes)
        return self.model_copy(update={"full": full, "exit": head})

    @pydantic.model_validator(mode="after")
    def _cuts_inside(self) -> Self:
        if self.after > len(self.full.convolutions):
            raise ValueError(f"after: {self.after} blocks, but the full network has {len(self.full.convolutions)}")
        return self

    def network(self) -> SwitchedNetwork:
        trunk = self.full.convolutions[: self.after]
        rest = {"convolutions": self.full.convolutions[self.after :], "signal_channels": trunk[-1].channels}
        second = self.full.model_copy(update=rest).network()
        widths = [self.full.signal_channels, *(block.channels for block in trunk[:-1])]
        shared = Trunk(*map(ConvBnRelu, widths, trunk))
        return SwitchedNetwork(self.exit.network(), second, self.full.classes, shared)


class Trunk(nn.Sequential):
    """The blocks before the exit."""

    def forward(self, signal: Tensor, rhythm: Tensor) -> Tensor:
        """(batch, channel, time) -> (batch, channel, time); the rhythm is not read."""
        del rhythm
        features: Tensor = super().forward(signal)
        return features


def cut(network: CnnLstmNetwork, shape: EarlyExit) -> SwitchedNetwork:
    """The network with an untrained exit: trunk and rest hold its weights, so that the long path answers as it does."""
    result = shape.network()
    blocks, rest = network.blocks, result.second
    assert isinstance(rest, CnnLstmNetwork)
    assert result.shared is not None
    for target, source in zip([*result.shared, *rest.blocks], blocks, strict=True):  # type: ignore[misc]  # a Trunk
        target.load_state_dict(source.state_dict())
    for name in ("lstm", "hidden", "output"):
        getattr(rest, name).load_state_dict(getattr(network, name).state_dict())
    return result.eval()
