"""Layers like a given one in all but their widths: the one place that knows every field of theirs."""

import copy
from typing import Any, TypeVar, cast

import torch
from torch import nn

Convolution = nn.Conv1d | nn.Conv2d
Recurrent = nn.LSTM | nn.GRU
M = TypeVar("M", bound=nn.Module)


def convolution(like: Convolution, inputs: int, outputs: int, *, groups: int = 1, bias: bool | None = None) -> Any:
    """A fresh convolution that walks as `like` does."""
    with_bias = like.bias is not None if bias is None else bias
    return _refreshed(
        like,
        {"in_channels": inputs, "out_channels": outputs, "groups": groups},
        weight=(outputs, inputs // groups, *like.kernel_size),
        bias=(outputs,) if with_bias else None,
    )


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
            return cast(
                nn.Module, convolution(like, inputs, outputs, groups=inputs if is_depthwise(like) else like.groups)
            )
        case nn.Linear():
            inputs, outputs = columns or like.in_features, rows or like.out_features
            bias = (outputs,) if like.bias is not None else None
            fields = {"in_features": inputs, "out_features": outputs}
            return _refreshed(like, fields, weight=(outputs, inputs), bias=bias)
        case nn.LSTM() | nn.GRU():
            return cast(nn.Module, recurrent(like, columns or like.input_size, rows or like.hidden_size))
        case nn.modules.batchnorm._NormBase():
            return _norm(like, {"num_features": rows or like.num_features}, rows or like.num_features)
        case nn.LayerNorm():
            (width,) = like.normalized_shape
            return _norm(like, {"normalized_shape": (rows or width,)}, rows or width)
        case nn.GroupNorm():
            return _norm(like, {"num_channels": rows or like.num_channels}, rows or like.num_channels)
    raise TypeError(f"no {type(like).__name__} of other widths")


def _norm(like: M, fields: dict[str, Any], width: int) -> M:
    kept = {name: tensor for name, tensor in like.state_dict().items() if tensor.ndim}
    return _refreshed(like, fields, **dict.fromkeys(kept, (width,)))


def _refreshed(like: M, fields: dict[str, Any], **shapes: tuple[int, ...] | None) -> M:
    """A copy with other fields, and fresh parameters and buffers of these shapes; a subclass stays what it is."""
    result = copy.deepcopy(like)
    for name, value in fields.items():
        setattr(result, name, value)
    for name, shape in shapes.items():
        if shape is None:
            result.register_parameter(name, None)
        elif name in result._buffers:
            result.register_buffer(name, torch.empty(shape))
        else:
            result.register_parameter(name, nn.Parameter(torch.empty(shape)))
    result.reset_parameters()  # type: ignore[operator]  # every layer of torch with parameters has it
    return result
