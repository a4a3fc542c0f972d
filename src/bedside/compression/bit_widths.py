"""Mixed precision: which activation suffers from 8 bits? (As HAWQ asks, Dong et al. 2019.)"""

from typing import Literal

import pydantic
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from bedside.models.edits.quantized import grids, use
from bedside.models.fake_quant import FLOAT
from bedside.params import Params
from bedside.training.batches import Tensors
from bedside.training.validation import logits_of

Bits = dict[str, Literal[16, 32]]


class Mixed(Params):
    """The `worst` activations stay at `bits`: 32, not rounded, as runtimes here really run; 16, which they emulate."""

    worst: int = pydantic.Field(default=0, ge=0)
    bits: Literal[16, 32] = 32

    def widths(self, losses: dict[str, float]) -> Bits:
        """Bits of the activations whose loss is largest."""
        return dict.fromkeys(sorted(losses, key=lambda name: losses[name], reverse=True)[: self.worst], self.bits)


def harm(network: nn.Module, parent: nn.Module, data: Tensors) -> dict[str, float]:
    """KL(parent || network), mean over windows in nats, with one activation at a time on 8 bits and the others float.

    Weights are on their int8 grid all along, so what differs between entries is the activation. Bits stay as they were.
    """
    answers = logits_of(parent, data, whose="the parent")
    before = {name: grid.bits for name, grid in grids(network).items()}
    losses = {}
    for name in tqdm(before, "bit widths", leave=False):
        use(network, {other: FLOAT for other in before if other != name})
        losses[name] = divergence(answers, logits_of(network, data, whose="the network in 8 bits"))
    use(network, before)
    return losses


def divergence(reference: Tensor, logits: Tensor) -> float:
    """Mean KL(reference || logits) over windows, both (window, class), in nats; zero for equal answers."""
    log_p, log_q = (functional.log_softmax(values.detach().double(), dim=1) for values in (reference, logits))
    return float(functional.kl_div(log_q, log_p, log_target=True, reduction="batchmean"))
