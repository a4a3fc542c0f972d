"""torch module -> one-file ONNX graph with a free batch size, simplified for small recurrent networks."""

import functools
import logging
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import onnx
import torch
from torch import Tensor, nn

from bedside.edge.runner import Shapes
from bedside.errors import RefusedError
from bedside.graph.branches import switched
from bedside.graph.canonical import canonical_bytes
from bedside.graph.finite import require_constants
from bedside.graph.folding import fold_constants
from bedside.graph.quantized import separate_zero_points, store_integer_biases
from bedside.graph.rewrites import tidy_recurrence

OPSET = 18
OUTPUTS = ["logits"]
MAX_BATCH = 2**16


@runtime_checkable
class TwoStep(Protocol):
    """Two networks that answer as one (`bedside.models.switched`): each is exported, and the graphs are joined."""

    first: nn.Module
    second: nn.Module
    shared: nn.Module | None
    replaced: str
    thresholds: Tensor

    def read(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]: ...


class _InOrder(nn.Module):
    """The network, called with its inputs in the order of `names`: the order of the graph's inputs."""

    def __init__(self, network: nn.Module, names: Iterable[str]) -> None:
        super().__init__()
        self.network, self.names = network, tuple(names)

    def forward(self, *inputs: Tensor) -> Any:
        return self.network(**dict(zip(self.names, inputs, strict=True)))


def export(network: nn.Module, shapes: Shapes) -> bytes:
    """The ONNX file of `network(**inputs) -> logits (batch, class)`, each input (batch, *shape).

    The graph's inputs have the names of `shapes`, in their order. Fake-quantized layers become
    QuantizeLinear/DequantizeLinear around integer weights. Same weights, same bytes. NotFiniteError for a graph with
    constants that are not finite, RefusedError for a network that torch cannot export.
    """
    model = _exported(network.eval(), shapes)
    require_constants(model, "the exported graph")
    return canonical_bytes(model)


def _exported(network: nn.Module, shapes: Shapes) -> onnx.ModelProto:
    if isinstance(network, TwoStep):
        shared = _exported(network.shared, shapes) if network.shared is not None else None
        read = {name: tuple(values.shape[1:]) for name, values in network.read(_zeros(shapes, 1)).items()}
        first, second = (_exported(part, read) for part in (network.first, network.second))
        return switched(first, second, network.thresholds.numpy(), shared, network.replaced)
    model = _trace(network, shapes)
    fold_constants(model)
    tidy_recurrence(model)
    store_integer_biases(model)
    separate_zero_points(model)
    fold_constants(model)
    return model


def _trace(network: nn.Module, shapes: Shapes) -> onnx.ModelProto:
    _let_fake_quantization_be_traced()
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    example = tuple(_zeros(shapes, 2).values())  # two: a batch of one would be taken for a constant
    with warnings.catch_warnings(), torch.no_grad(), _quiet("torch.onnx", "onnxscript"):
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                _InOrder(network, shapes),
                example,
                dynamo=True,
                opset_version=_opset(network),
                external_data=False,
                input_names=list(shapes),
                output_names=OUTPUTS,
                dynamic_shapes=(tuple({0: batch} for _ in shapes),),
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise RefusedError(
                f"this network cannot be written as a graph ({reason}); write its forward for torch.export"
            ) from error
    assert program is not None  # it is None only without dynamo
    return program.model_proto


def _zeros(shapes: Shapes, windows: int) -> dict[str, Tensor]:
    return {name: torch.zeros(windows, *shape) for name, shape in shapes.items()}


def _opset(network: nn.Module) -> int:
    """A layer may name the `opset` it needs (16-bit grids do); other graphs stay at the one that most runtimes read."""
    return max(getattr(module, "opset", OPSET) for module in network.modules())


@functools.cache
def _let_fake_quantization_be_traced() -> None:
    """torch 2.13 has no shape rule for the kernels behind fake quantization, without which it cannot trace them."""

    def like(values: Tensor, *_: object) -> tuple[Tensor, Tensor]:
        return torch.empty_like(values), torch.empty_like(values, dtype=torch.bool)

    for kind in ("tensor", "channel"):
        torch.library.register_fake(f"aten::fake_quantize_per_{kind}_affine_cachemask", like)


class _quiet:  # noqa: N801  # reads as a word of the `with` line
    """Silence loggers that report every step of an export at warning level."""

    def __init__(self, *names: str) -> None:
        self.loggers = [logging.getLogger(name) for name in names]

    def __enter__(self) -> None:
        self.levels = [logger.level for logger in self.loggers]
        for logger in self.loggers:
            logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        for logger, level in zip(self.loggers, self.levels, strict=True):
            logger.setLevel(level)
