"""Early exit (BranchyNet, Teerapittayanon et al. 2016): a head after the first blocks answers the easy windows."""

from collections.abc import Iterable
from typing import Literal, Self

import pydantic
from torch import Tensor, nn

from bedside.datasets.inputs import Shapes
from bedside.models.base import Architecture
from bedside.models.cnn_lstm import CnnLstm, CnnLstmNetwork, ConvBnRelu
from bedside.models.switched import SwitchedNetwork


class EarlyExit(Architecture):
    """`full`, cut after `after` convolution blocks; `exit` reads what those make of the signal."""

    kind: Literal["early_exit"] = "early_exit"
    full: CnnLstm
    exit: CnnLstm
    after: int = pydantic.Field(default=1, gt=0)

    def fitted(self, inputs: Shapes, classes: int) -> Self:
        full = self.full.fitted(inputs, classes)
        left = {**inputs, "signal": self._left(full)}
        return self.model_copy(update={"full": full, "exit": self.exit.fitted(left, classes)})

    def _left(self, full: CnnLstm) -> tuple[int, int]:
        """What the trunk makes of a window: channels and length."""
        trunk = full.convolutions[: self.after]
        return trunk[-1].channels, full.model_copy(update={"convolutions": trunk}).instants

    @pydantic.model_validator(mode="after")
    def _cuts_inside(self) -> Self:
        if self.after > len(self.full.convolutions):
            raise ValueError(f"after: {self.after} blocks, but the full network has {len(self.full.convolutions)}")
        return self

    def network(self) -> SwitchedNetwork:
        trunk = self.full.convolutions[: self.after]
        rest = self.full.model_copy(update={"convolutions": self.full.convolutions[self.after :]})
        left = {"signal": self._left(self.full), "rhythm": (self.full.rhythm_features,)}
        second = rest.fitted(left, self.full.classes).network()
        widths = [self.full.signal_channels, *(block.channels for block in trunk[:-1])]
        shared = Trunk(map(ConvBnRelu, widths, trunk))
        return SwitchedNetwork(self.exit.network(), second, self.full.classes, shared, "signal")


class Trunk(nn.Module):
    """The blocks before the exit: frozen, so that the network behind them goes on answering as it was trained to."""

    def __init__(self, blocks: Iterable[ConvBnRelu]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks).requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        del mode  # batch norms keep their statistics while the exit is trained
        return super().train(False)

    def forward(self, signal: Tensor, rhythm: Tensor) -> Tensor:
        """(batch, channel, time) -> (batch, channel, time); the rhythm is not read."""
        del rhythm
        for block in self.blocks:
            signal = block(signal)
        return signal


def cut(network: CnnLstmNetwork, shape: EarlyExit) -> SwitchedNetwork:
    """The network with an untrained exit: trunk and rest hold its weights, so that the long path answers as it does."""
    result = shape.network()
    trunk, rest = result.shared, result.second
    assert isinstance(trunk, Trunk)
    assert isinstance(rest, CnnLstmNetwork)
    for target, source in zip([*trunk.blocks, *rest.blocks], network.blocks, strict=True):
        target.load_state_dict(source.state_dict())
    for name in ("lstm", "hidden", "output"):
        getattr(rest, name).load_state_dict(getattr(network, name).state_dict())
    return result.eval()
