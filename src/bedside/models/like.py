"""Layers like a given one in all but their widths: the one place that knows every field of theirs."""

from typing import Any

from torch import nn

Convolution = nn.Conv1d | nn.Conv2d
Recurrent = nn.LSTM | nn.GRU


def convolution(like: Convolution, inputs: int, outputs: int, *, groups: int = 1, bias: bool | None = None) -> Any:
    """A fresh convolution that walks as `like` does."""
    how: dict[str, Any] = {
        name: getattr(like, name) for name in ("kernel_size", "stride", "padding", "dilation", "padding_mode")
    }
    return type(like)(inputs, outputs, groups=groups, bias=like.bias is not None if bias is None else bias, **how)


def pointwise(like: Convolution, inputs: int, outputs: int) -> Convolution:
    """A fresh convolution of one tap, with a bias where `like` has one."""
    plain = nn.Conv2d if isinstance(like, nn.Conv2d) else nn.Conv1d
    return plain(inputs, outputs, 1, bias=like.bias is not None)


def recurrent(like: Recurrent, inputs: int, units: int) -> Any:
    """A fresh LSTM or GRU with the layers and directions of `like`."""
    names = "num_layers", "bias", "batch_first", "dropout", "bidirectional"
    return type(like)(inputs, units, **{name: getattr(like, name) for name in names})


def is_depthwise(layer: nn.Module) -> bool:
    """Whether each output channel of a convolution reads one input channel."""
    return isinstance(layer, Convolution) and 1 < layer.groups == layer.in_channels


def resized(like: nn.Module, rows: int | None, columns: int | None) -> nn.Module:
    """A fresh layer with this many outputs and inputs; None: as `like`."""
    match like:
        case nn.Conv1d() | nn.Conv2d():
            inputs, outputs = columns or like.in_channels, rows or like.out_channels
            return convolution(like, inputs, outputs, groups=inputs if is_depthwise(like) else like.groups)
        case nn.Linear():
            return type(like)(columns or like.in_features, rows or like.out_features, bias=like.bias is not None)
        case nn.LSTM() | nn.GRU():
            return recurrent(like, columns or like.input_size, rows or like.hidden_size)
        case nn.modules.batchnorm._BatchNorm() | nn.modules.instancenorm._InstanceNorm():
            named: dict[str, Any] = {name: getattr(like, name) for name in ("eps", "momentum", "track_running_stats")}
            return type(like)(rows or like.num_features, affine=like.affine, **named)
        case nn.LayerNorm():
            (width,), affine = like.normalized_shape, like.elementwise_affine
            return nn.LayerNorm(rows or width, like.eps, affine, bias=like.bias is not None)
        case nn.GroupNorm():
            return nn.GroupNorm(like.num_groups, rows or like.num_channels, like.eps, like.affine)
    raise TypeError(f"no {type(like).__name__} of other widths")
