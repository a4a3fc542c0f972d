"""How marks of units run through a network, step by step: one rule per kind of step, and a pin for every other."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from bedside.compression.pruning.units import FIXED, Marks, Wiring
from bedside.models.like import is_depthwise
from bedside.models.traced import VALUE, answer, module_of

Norm = nn.modules.batchnorm._BatchNorm | nn.modules.instancenorm._InstanceNorm

# Functions and methods by their name in torch. Moving: the result's numbers are the argument's, in other places.
# fmt: off
MOVING = frozenset([
    "flatten", "reshape", "view", "permute", "transpose", "swapaxes", "movedim", "cat", "concat", "concatenate",
    "stack", "getitem", "chunk", "split", "unbind", "unsqueeze", "squeeze", "contiguous", "expand", "expand_as",
    "repeat_interleave", "clone", "detach", "flip", "roll", "narrow", "select", "unflatten", "tensor_split", "t",
    "mT",
])
SINGLE = frozenset([
    "relu", "relu_", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish",
    "hardsigmoid", "hardtanh", "softplus", "softsign", "sigmoid", "tanh", "logsigmoid", "dropout", "dropout1d",
    "dropout2d", "feature_dropout", "alpha_dropout", "abs", "neg", "exp", "log", "sqrt", "rsqrt", "square", "pow",
    "clamp", "clip", "float", "to", "type_as", "sin", "cos", "erf", "reciprocal",
])
MEETING = frozenset([
    "add", "sub", "mul", "div", "truediv", "maximum", "minimum", "add_", "mul_", "iadd", "imul", "rsub",
])
FOLDING = frozenset([
    "mean", "sum", "amax", "amin", "prod", "std", "var",
])
POOLING = frozenset([
    "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
    "adaptive_max_pool1d", "adaptive_max_pool2d", "lp_pool1d", "lp_pool2d", "interpolate",
])
KEEPING = (
    nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU,
    nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.Softplus, nn.Softsign,
    nn.Sigmoid, nn.Tanh, nn.LogSigmoid,
)
POOLS = (
    nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.LPPool1d, nn.LPPool2d, nn.Upsample,
)
# fmt: on


def wired(graph: fx.GraphModule) -> tuple[dict[str, Wiring], Marks]:
    """The wiring of every module whose width could change, by path, and what is known of the marks."""
    walk = _Walk(graph)
    for node in graph.graph.nodes:
        if node.op not in {"output", "placeholder", "get_attr"}:
            walk.step(node)
    walk.marks.pin([walk.of(answer(graph))], "it is the network's answer")
    return walk.found, walk.marks


class _Walk:
    """One pass over a traced network."""

    def __init__(self, graph: fx.GraphModule) -> None:
        self.graph, self.marks = graph, Marks()
        self.found: dict[str, Wiring] = {}
        self.seen: dict[fx.Node, Any] = {}

    def of(self, node: fx.Node) -> Any:
        """The marks of a node's value, in the value's own shape: a tensor, or a nest of tuples of them."""
        if node not in self.seen:
            self.seen[node] = _map(torch.zeros_like, node.meta[VALUE])
        return self.seen[node]

    def step(self, node: fx.Node) -> None:
        """Mark what a node computes."""
        module = module_of(self.graph, node)
        name = str(node.target) if node.op == "call_method" else getattr(node.target, "__name__", "")
        rule = self._of_module(module) if module is not None else self._of_function(name)
        marked = rule(node, module) if rule else None
        self.seen[node] = self._pinned(node, module, name) if marked is None else marked

    def _of_module(self, module: nn.Module) -> Callable[..., Any] | None:
        if isinstance(module, nn.Flatten | nn.Unflatten):
            return self._moved
        rules: list[tuple[Any, Callable[..., Any]]] = [
            ((nn.Conv1d, nn.Conv2d), self._convolution),
            (nn.Linear, self._linear),
            ((nn.LSTM, nn.GRU), self._recurrent),
            (Norm, lambda node, module: self._norm(node, module, 1)),
            ((nn.LayerNorm, nn.GroupNorm), self._layer_norm),
            (KEEPING, self._kept),
            (POOLS, self._pooled),
        ]
        return next((rule for kinds, rule in rules if isinstance(module, kinds)), None)

    def _of_function(self, name: str) -> Callable[..., Any] | None:
        rules = {
            MOVING: self._moved,
            SINGLE: self._kept,
            MEETING: self._met,
            FOLDING: self._folded,
            POOLING: self._pooled,
            frozenset({"pad"}): self._padded,
            frozenset({"size", "dim"}): lambda node, _: node.meta[VALUE],
        }
        return next((rule for names, rule in rules.items() if name in names), None)

    # Every rule returns the marks of the node's value, or None where it does not apply, which pins.

    def _pinned(self, node: fx.Node, module: nn.Module | None, name: str) -> Any:
        what = f"{node.target} ({type(module).__name__})" if module is not None else name
        read = [mark for source in node.all_input_nodes for mark in _tensors(self.of(source))]
        self.marks.pin(read, f"{what} reads it, and nobody here knows how that follows a change of width")
        return _map(torch.zeros_like, node.meta[VALUE])

    def _moved(self, node: fx.Node, module: nn.Module | None) -> Any:
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), self.of)
        if module is not None:
            return module(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        assert callable(node.target)
        return node.target(*args, **kwargs)

    def _kept(self, node: fx.Node, module: nn.Module | None) -> Any:
        del module
        return self.of(node.all_input_nodes[0]) if len(node.all_input_nodes) == 1 else None

    def _met(self, node: fx.Node, module: nn.Module | None) -> Any:
        del module
        one, other = node.args[:2]
        if not isinstance(one, fx.Node) or not isinstance(other, fx.Node):
            return self.of(one if isinstance(one, fx.Node) else other)  # type: ignore[arg-type]  # one of them is
        return self.marks.join(self.of(one), self.of(other))

    def _folded(self, node: fx.Node, module: nn.Module | None) -> Any:
        del module
        source, *rest = node.args
        assert isinstance(source, fx.Node)
        read = self.of(source)
        axes: Any = rest[0] if rest else node.kwargs.get("dim", tuple(range(read.ndim)))
        keep = bool(rest[1] if len(rest) > 1 else node.kwargs.get("keepdim", False))
        low, high = (fold(read, axes, keep) for fold in (torch.amin, torch.amax))
        return low if torch.equal(low, high) else None

    def _pooled(self, node: fx.Node, module: nn.Module | None) -> Any:
        del module
        channels = along(self.of(node.all_input_nodes[0]), 1)
        value = node.meta[VALUE]
        return None if channels is None or not isinstance(value, Tensor) else across(channels, value, 1)

    def _padded(self, node: fx.Node, module: nn.Module | None) -> Any:
        """The marks at the border go on: zeros of a channel are the channel's."""
        del module
        source = node.args[0]
        assert isinstance(source, fx.Node)
        channels = along(self.of(source), 1)
        return None if channels is None else across(channels, node.meta[VALUE], 1)

    def _convolution(self, node: fx.Node, module: Any) -> Any:
        read = along(self.of(node.all_input_nodes[0]), 1)
        if read is None or (module.groups > 1 and not is_depthwise(module)):
            return None
        if is_depthwise(module):
            return self._through(node, module, read.repeat_interleave(module.out_channels // len(read)), 1, read)
        return self._made(node, module, read, module.out_channels, axis=1)

    def _linear(self, node: fx.Node, module: Any) -> Any:
        read = along(self.of(node.all_input_nodes[0]), -1)
        return None if read is None else self._made(node, module, read, module.out_features, axis=-1)

    def _norm(self, node: fx.Node, module: nn.Module, axis: int) -> Any:
        read = along(self.of(node.all_input_nodes[0]), axis)
        return None if read is None else self._through(node, module, read, axis)

    def _layer_norm(self, node: fx.Node, module: Any) -> Any:
        """Over one axis, all of it: what is left is normalized together."""
        if isinstance(module, nn.GroupNorm):
            return self._norm(node, module, 1) if module.num_groups == 1 else None
        return self._norm(node, module, -1) if len(module.normalized_shape) == 1 else None

    def _recurrent(self, node: fx.Node, module: Any) -> Any:
        """Unit n of every layer and direction is one: they have one width."""
        read = along(self.of(node.all_input_nodes[0]), -1)
        if read is None or getattr(module, "proj_size", False) or len(node.all_input_nodes) > 1:
            return None
        units = self._units(str(node.target), module, read, module.hidden_size)
        both = units.repeat(2 if module.bidirectional else 1)
        sequence, last = node.meta[VALUE]
        return across(both, sequence, -1), _map(lambda value: across(units, value, -1), last)

    def _made(self, node: fx.Node, module: nn.Module, read: Tensor, outputs: int, axis: int) -> Tensor:
        """New units, which a layer makes from those it reads."""
        return across(self._units(str(node.target), module, read, outputs), node.meta[VALUE], axis)

    def _units(self, path: str, module: nn.Module, read: Tensor, outputs: int) -> Tensor:
        if (before := self.found.get(path)) is None:
            before = self.found[path] = Wiring(module, self.marks.fresh(outputs), read, makes=True)
        assert before.rows is not None
        assert before.columns is not None
        self.marks.join(before.columns, read)  # a layer that is called twice reads the same units twice
        return before.rows

    def _through(self, node: fx.Node, module: nn.Module, rows: Tensor, axis: int, columns: Tensor | None = None) -> Any:
        """The units that came in, each with parameters of its own here."""
        if (before := self.found.get(str(node.target))) is not None and before.rows is not None:
            self.marks.join(before.rows, rows)
        self.found[str(node.target)] = Wiring(module, rows, columns)
        return across(rows, node.meta[VALUE], axis)


def along(marks: Tensor, axis: int) -> Tensor | None:
    """The marks of each place of an axis, (place,); None where they differ along the others."""
    lines = marks.movedim(axis, 0).flatten(1)
    return lines[:, 0] if bool((lines == lines[:, :1]).all()) else None


def across(marks: Tensor, like: Tensor, axis: int) -> Tensor:
    """Marks (place,) of an axis, spread over a tensor's shape."""
    shape = [1] * like.ndim
    shape[axis] = len(marks)
    return marks.reshape(shape).expand(like.shape)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in value for tensor in _tensors(part)] if isinstance(value, Sequence) else []


def _map(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    if isinstance(value, Tensor):
        marks = function(value)
        return marks if marks.dtype == torch.int64 else torch.full(value.shape, FIXED)
    return tuple(_map(function, part) for part in value) if isinstance(value, tuple | list) else value
