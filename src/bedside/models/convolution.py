"""How a convolution walks through time: the one place that knows its padding, whatever the layer it becomes part of."""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional


class Walk(NamedTuple):
    """Kernel, stride, samples of zeros `before` and `after` the signal, and how far apart the kernel's taps are."""

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def span(self) -> int:
        """Samples from the first tap to the last: kernel 3 with dilation 4 spans 9."""
        return self.dilation * (self.kernel - 1) + 1

    def length(self, samples: int) -> int:
        """Answers over a signal of this length; kernel 7, stride 2, three zeros on either side: 120 -> 60."""
        return (samples + self.before + self.after - self.span) // self.stride + 1

    def patches(self, signal: Tensor) -> Tensor:
        """What each answer reads: (batch, channel, time) -> (batch, channel, answer, kernel)."""
        padded = functional.pad(signal, (self.before, self.after))
        return padded.unfold(2, self.span, self.stride)[..., :: self.dilation]


class CausalConv1d(nn.Conv1d):
    """Zeros before the signal alone, so that no answer depends on a sample after its own."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padded = functional.pad(input, (self.dilation[0] * (self.kernel_size[0] - 1), 0))
        result: Tensor = super()._conv_forward(padded, weight, bias)
        return result


def convolution(inputs: int, outputs: int, walk: Walk, *, groups: int = 1, bias: bool = True) -> nn.Conv1d:
    """A fresh convolution that walks like this."""
    kernel, stride, before, after, dilation = walk
    if before == after:
        return nn.Conv1d(inputs, outputs, kernel, stride, before, dilation, groups, bias)
    return CausalConv1d(inputs, outputs, kernel, stride, 0, dilation, groups, bias)


def patches(layer: nn.Conv1d | nn.Conv2d, values: Tensor) -> Tensor:
    """What a convolution reads, one row per answer: (batch * answer, channel * kernel)."""
    if isinstance(layer, nn.Conv2d):
        around = layer.padding if isinstance(layer.padding, tuple) else _same(layer)
        read = functional.unfold(values, layer.kernel_size, layer.dilation, around, layer.stride)
        return read.transpose(1, 2).flatten(0, 1)
    return walk(layer).patches(values).transpose(1, 2).flatten(2).flatten(0, 1)


def _same(layer: nn.Conv1d | nn.Conv2d) -> tuple[int, ...]:
    """Zeros on either side of a convolution whose padding is a word."""
    reach = [dilation * (kernel - 1) for dilation, kernel in zip(layer.dilation, layer.kernel_size, strict=True)]
    return tuple(span // 2 if layer.padding == "same" else 0 for span in reach)


def walk(layer: nn.Conv1d) -> Walk:
    """How a convolution walks."""
    (kernel,), (stride,), (dilation,) = layer.kernel_size, layer.stride, layer.dilation
    if isinstance(layer, CausalConv1d):
        return Walk(kernel, stride, dilation * (kernel - 1), 0, dilation)
    (padding,) = layer.padding if isinstance(layer.padding, tuple) else _same(layer)
    return Walk(kernel, stride, padding, padding, dilation)
