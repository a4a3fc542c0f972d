"""Layers that compute in float what an int8 kernel will compute, so that training can adapt to it.

Activations: unsigned, one range per tensor, learned as a moving average; 8 bits where nothing else is said. Weights:
signed 8 bit, symmetric, one scale per output channel, on the grid that every CPU computes alike
(`bedside.grid`). `eval()` turns ranges into plain numbers, which is what the ONNX
exporter needs to write QuantizeLinear/DequantizeLinear; `train()` makes them follow the data again.
"""

import copy
import functools
import math
from collections.abc import Iterator
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from bedside.errors import NotFiniteError
from bedside.grid import MOST, row_scales

_PASSES = 8  # a second is needed where rounding took the sum of a pair to another grid, about one row in 50,000
FLOAT = 32  # bits of an activation that is not rounded at all
WIDE_OPSET = 21  # the first in which QuantizeLinear knows uint16


class ActivationQuantizer(nn.Module):
    """Rounds a tensor to the 2**bits levels between the learned `low` and `high`; zero is always a level."""

    low: Tensor
    high: Tensor

    def __init__(self, bits: int = 8, momentum: float = 0.05) -> None:
        super().__init__()
        self.bits, self.momentum = bits, momentum
        self.register_buffer("low", torch.tensor(0.0))
        self.register_buffer("high", torch.tensor(0.0))
        self.scale, self.zero_point = 1.0, 0

    @property
    def steps(self) -> int:
        """Number of the highest level: 255 or 65535."""
        return int(2**self.bits - 1)

    @property
    def opset(self) -> int:
        """The ONNX operator set that knows this grid."""
        return WIDE_OPSET if self.bits == 16 else 0

    def train(self, mode: bool = True) -> Self:
        self._fix()
        return super().train(mode)

    def span(self, low: float, high: float) -> None:
        """Set the range; training goes on from it."""
        self.low.fill_(low)
        self.high.fill_(high)
        self._fix()

    def _fix(self) -> None:
        low, high = min(float(self.low), 0.0), max(float(self.high), 0.0)
        if not math.isfinite(high - low):
            found = f"has an activation between {low:g} and {high:g}, which no grid holds"
            raise NotFiniteError("the quantized network", found, "train it with a lower training.learning_rate")
        self.scale = max((high - low) / self.steps, 1e-8)
        self.zero_point = round(min(max(-low / self.scale, 0.0), float(self.steps)))

    @torch.no_grad()
    def _observe(self, values: Tensor) -> None:
        weight = self.momentum if float(self.high) > float(self.low) else 1.0
        self.low.lerp_(values.min(), weight)
        self.high.lerp_(values.max(), weight)
        self._fix()

    def forward(self, values: Tensor) -> Tensor:
        if self.bits == FLOAT:
            return values
        if self.training:
            self._observe(values)
        if self.bits == 16 and torch.compiler.is_exporting():
            return self._exported(values)
        return torch.fake_quantize_per_tensor_affine(values, self.scale, self.zero_point, 0, self.steps)

    def _exported(self, values: Tensor) -> Tensor:
        """ONNX's own pair on uint16: the exporter translates fake quantization of 8 bits alone."""
        grid = torch.tensor(self.scale), torch.tensor(self.zero_point, dtype=torch.uint16)
        like: dict[str, Any] = {"shape": values.shape, "version": WIDE_OPSET}
        steps = torch.onnx.ops.symbolic("QuantizeLinear", (values, *grid), dtype=torch.uint16, **like)
        return torch.onnx.ops.symbolic("DequantizeLinear", (steps, *grid), dtype=torch.float32, **like)


def weight_scales(weight: Tensor, portable: bool = True) -> Tensor:
    """Symmetric scale of each output channel (output, ...) -> (output,)."""
    rows = weight.detach().flatten(1).cpu().numpy()
    return torch.from_numpy(row_scales(rows, portable)).to(weight.device)


def quantize_weight(weight: Tensor, scales: Tensor) -> Tensor:
    """Round each output channel of `weight` to its int8 grid; gradients pass straight through."""
    zeros = torch.zeros(len(scales), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(
        weight, scales, zeros, 0, -128, MOST
    )  # the exporter knows this range alone


class WeightGrid(nn.Module):
    """Mixin: rounds `self.weight`; in evaluation with the scales fixed as plain tensors, as the exporter needs them."""

    weight: Tensor
    scales: Tensor
    portable = True  # False where no integers are multiplied, so that nothing can saturate: a finer grid

    def train(self, mode: bool = True) -> Self:
        self.register_buffer("scales", weight_scales(self.weight, self.portable), persistent=False)
        return super().train(mode)

    def rounded(self) -> Tensor:
        """The weight on its int8 grid."""
        scales = weight_scales(self.weight, self.portable) if self.training else self.scales
        return quantize_weight(self.weight, scales)


class QuantizedConvolution(WeightGrid):
    """Mixin before a convolution: its weights lie on the int8 grid, and it walks as the class after it does."""

    bias: Tensor | None

    def forward(self, values: Tensor) -> Tensor:
        result: Tensor = self._conv_forward(values, self.rounded(), self.bias)  # type: ignore[operator]
        return result


class QuantizedLinear(WeightGrid, nn.Linear):
    """Linear layer whose weights lie on the int8 grid."""

    def forward(self, values: Tensor) -> Tensor:
        return functional.linear(values, self.rounded(), self.bias)


class QuantizedRecurrent(nn.RNNBase):
    """Mixin before an LSTM or GRU whose weights lie on the int8 grid; a runtime may quantize activations per call.

    Training rounds the weights on the fly. `settle` writes them onto the grid for good, after which the plain float
    layer computes the same, and a runtime's dynamic quantization of it changes no weight.
    """

    kernel: Any  # torch's own: the one door for rounded weights
    states: int  # tensors that carry the past

    def weights(self) -> Iterator[nn.Parameter]:
        """What lies on a grid: everything but biases."""
        return (parameter for parameter in self.parameters() if parameter.ndim > 1)

    def forward(self, values: Any, hx: Any = None) -> Any:
        if not self.training or hx is not None:
            return super().forward(values, hx)
        batch = values.shape[0 if self.batch_first else 1]
        state = values.new_zeros(self.num_layers * (1 + self.bidirectional), batch, self.hidden_size)
        own = cast(list[Tensor], self._flat_weights)
        flat = [quantize_weight(one, weight_scales(one)) if one.ndim > 1 else one for one in own]
        how = self.bias, self.num_layers, self.dropout, True, self.bidirectional, self.batch_first
        sequence, *last = self.kernel(values, (state,) * self.states if self.states > 1 else state, flat, *how)
        return sequence, tuple(last) if self.states > 1 else last[0]

    @torch.no_grad()
    def settle(self) -> None:
        """Put the weights on their grid; doing it twice changes nothing, and their grid can be read off them again."""
        for weight in self.weights():
            for _ in range(_PASSES):
                settled = quantize_weight(weight, weight_scales(weight))
                if torch.allclose(settled, weight, rtol=1e-5, atol=0):
                    break
                weight.copy_(settled)


class QuantizedLSTM(QuantizedRecurrent, nn.LSTM):
    """LSTM whose weights lie on the int8 grid."""

    kernel, states = staticmethod(torch._VF.lstm), 2


class QuantizedGRU(QuantizedRecurrent, nn.GRU):
    """GRU whose weights lie on the int8 grid."""

    kernel, states = staticmethod(torch._VF.gru), 1


def on_grid(layer: nn.Module) -> nn.Module | None:
    """The layer with its weights on the int8 grid; None for one that has no such form, or computes in its own way."""
    match layer:
        case nn.Conv1d() | nn.Conv2d() if type(layer).forward in {nn.Conv1d.forward, nn.Conv2d.forward}:
            kind = _quantized_convolution(type(layer))  # type: ignore[arg-type]  # a class is hashable, mypy asks its objects
            return _converted(layer, kind, layer.out_channels)
        case nn.Linear() if type(layer).forward is nn.Linear.forward:
            return _converted(layer, QuantizedLinear, layer.out_features)
        case nn.LSTM() | nn.GRU() if type(layer) in {nn.LSTM, nn.GRU} and not layer.proj_size:
            return _converted(layer, QuantizedLSTM if isinstance(layer, nn.LSTM) else QuantizedGRU)
    return None


@functools.cache
def _quantized_convolution(kind: type[nn.Module]) -> type[nn.Module]:
    return type(f"Quantized{kind.__name__}", (QuantizedConvolution, kind), {})


def _converted(layer: nn.Module, kind: type[nn.Module], outputs: int = 0) -> nn.Module:
    """A copy that is of another class; a convolution or linear layer gets a bias, which integer kernels want to add."""
    result = copy.deepcopy(layer)
    result.__class__ = kind
    if outputs and result.bias is None:
        result.bias = nn.Parameter(torch.zeros(outputs))
    return result.requires_grad_().train(layer.training)  # a bias that came from a norm would not be trained
