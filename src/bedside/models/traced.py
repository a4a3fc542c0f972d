"""A network as a graph of its modules: what every technique reads a network's structure from.

torch.fx records which module reads whose answer. Shapes are known while it records, so that code which asks a tensor
for its shape, counts its axes or unpacks it is followed like any other; only the batch stays open.
"""

import contextlib
import operator
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError

VALUE = "value"  # in a node's meta: what it computed for the example
EXAMPLES = 2  # windows: with one, batch and singleton axes could not be told apart
# Containers say how others are called; every other module of torch is one step of the network.
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def traced(network: nn.Module, inputs: Shapes) -> fx.GraphModule:
    """The network, in evaluation mode, as a graph; every node's meta holds its `value` for windows of random numbers.

    RefusedError for one whose path depends on the numbers it reads, or that is not `forward(**inputs) -> Tensor`.
    """
    tracer = _Tracer(inputs)
    name = type(network).__name__
    try:
        with _evaluating(network), torch.no_grad():
            graph = tracer.trace(network)
    except fx.proxy.TraceError as error:
        reason = str(error).splitlines()[0]
        raise RefusedError(
            f"{name}.forward takes another path for other numbers ({reason}), which no exported graph can; choose "
            "between answers with torch.where, or by what is known when the network is made"
        ) from error
    return fx.GraphModule(tracer.root, graph, name)


@contextlib.contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    before = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


def example(inputs: Shapes, windows: int = EXAMPLES) -> dict[str, Tensor]:
    """Windows of random numbers, always the same."""
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(windows, *shape, generator=generator) for name, shape in inputs.items()}


class _Value(fx.Proxy):
    """A tensor that is being traced: its shape is plain numbers, but for the batch."""

    @property
    def known(self) -> Any:
        return self.node.meta[VALUE]

    @property
    def shape(self) -> Any:
        return self.size()

    @property
    def ndim(self) -> int:
        return self.dim()

    @property
    def dtype(self) -> Any:
        return self.known.dtype

    @property
    def device(self) -> Any:
        return self.known.device

    def dim(self) -> int:
        return int(self.known.dim())

    def size(self, dim: int | None = None) -> Any:
        batch = self.tracer.create_proxy("call_method", "size", (self, 0), {})
        sizes = [batch, *self.known.shape[1:]]
        return tuple(sizes) if dim is None else sizes[dim]

    def __len__(self) -> int:
        return len(self.known)

    def __iter__(self) -> Iterator[Any]:
        return (self.tracer.create_proxy("call_function", operator.getitem, (self, i), {}) for i in range(len(self)))


class _Tracer(fx.Tracer):
    """Computes every step on an example while it is recorded."""

    def __init__(self, inputs: Shapes) -> None:
        super().__init__(autowrap_functions=())
        self.example = example(inputs)
        self.computing = False  # what a step does inside is not recorded

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        return forward(*args, **kwargs) if self.computing else super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val if self.computing else super().getattr(attr, attr_val, parameter_proxy_cache)

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> Any:
        """The data set's inputs by name, whether `forward` names them or takes them all as `**inputs`."""
        del concrete_args
        assert is_module
        given = {name: self.create_proxy("placeholder", name, (), {}) for name in self.example}
        return lambda network: root_fn(network, **given), [self.root]

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        del module_qualified_name
        return isinstance(m, ATOMS) or (m.__module__.startswith("torch.nn") and not isinstance(m, CONTAINERS))

    def proxy(self, node: fx.Node) -> _Value:
        self.computing = True
        try:
            node.meta[VALUE] = self._computed(node)
        finally:
            self.computing = False
        return _Value(node, self)

    def _computed(self, node: fx.Node) -> Any:
        if node.op == "placeholder":
            return self.example[str(node.target)]
        if node.op == "get_attr":
            return operator.attrgetter(str(node.target))(self.root)
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda one: one.meta[VALUE])
        if node.op == "call_module":
            return self.root.get_submodule(str(node.target))(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        if callable(node.target):
            return node.target(*args, **kwargs)
        return args[0]  # the output


# One step of a network each, whoever wrote the subclass.
ATOMS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Linear,
    nn.LSTM,
    nn.GRU,
    nn.MultiheadAttention,
    nn.modules.batchnorm._BatchNorm,
    nn.GroupNorm,
    nn.LayerNorm,
)


def module_of(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """The module that a node calls; None for a function."""
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def calls(graph: fx.GraphModule) -> dict[str, list[fx.Node]]:
    """The nodes that call each module, by its path, in the order of the network's work."""
    found: dict[str, list[fx.Node]] = {}
    for node in graph.graph.nodes:
        if node.op == "call_module":
            found.setdefault(str(node.target), []).append(node)
    return found


def answer(graph: fx.GraphModule) -> fx.Node:
    """The node whose value the network returns."""
    (returned,) = (node for node in graph.graph.nodes if node.op == "output")
    value: fx.Node = returned.args[0]
    return value


def shape(node: fx.Node) -> Mapping[int, int] | tuple[int, ...]:
    """The shape of a node's value, batch first."""
    return tuple(node.meta[VALUE].shape)
