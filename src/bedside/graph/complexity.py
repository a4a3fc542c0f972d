"""What a graph costs on paper, for one window: parameters, multiply-accumulates, memory for activations."""

from collections.abc import Mapping
from math import prod

import onnx
from onnx import TensorProto, helper

from bedside.graph.branches import is_switched, path
from bedside.graph.reading import model_of
from bedside.graph.surgery import View

Shapes = Mapping[str, tuple[int, ...]]
WEIGHTS = {"Conv": (1, 2), "Gemm": (1, 2), "LSTM": (1, 2, 3), "GRU": (1, 2, 3), "MatMul": (1,)}
# Tensors that no kernel writes out: a runtime fuses these into the operator before or after.
ALIASES = frozenset({"Relu", "QuantizeLinear", "DequantizeLinear", "Squeeze"})


def complexity(graph: bytes) -> dict[str, int]:
    """`parameters`, `macs` and `activation_peak_bytes` of an exported graph at batch 1 (estimates, from shapes alone).

    Multiply-accumulates are those of convolutions, linear layers, LSTM and GRU; the peak is what operators in file
    order need alive at once when they fuse ideally. A runtime may need more. Where some windows take a longer path,
    these are the figures of that path, and `macs_short_path` is what the others cost.
    """
    exported = model_of(graph)
    model = one_window(path(exported, "then_branch"))
    shapes, sizes = tensor_shapes(model), element_sizes(model)
    figures = {
        "parameters": parameters(model.graph, shapes),
        "macs": all_macs(model),
        "activation_peak_bytes": activation_peak(model.graph, shapes, sizes),
    }
    short = {"macs_short_path": all_macs(one_window(path(exported, "else_branch")))} if is_switched(exported) else {}
    return figures | short


def one_window(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its batch size fixed to one and every shape inferred."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


def all_macs(model: onnx.ModelProto) -> int:
    """Multiply-accumulates of a model whose shapes are known."""
    shapes = tensor_shapes(model)
    return sum(macs(node, shapes) for node in model.graph.node)


def macs(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Multiply-accumulates of one node.

    Worked: a convolution 2 -> 16 channels with kernel 7 and 60 outputs in time: 60 x 16 x 2 x 7 = 13,440. An LSTM of 8
    units on 4 inputs over 10 steps: 10 x 4 x 8 x (4 + 8) = 3,840. A linear layer 39 -> 32: 1,248.
    """
    if node.op_type == "Conv":
        output, weight = shapes[node.output[0]], shapes[node.input[1]]
        return prod(output) * prod(weight[1:])
    if node.op_type == "Gemm":
        return prod(shapes[node.input[1]])
    if node.op_type == "MatMul":
        return prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    if node.op_type in {"LSTM", "GRU"}:
        steps = shapes[node.input[0]][0]
        return steps * (prod(shapes[node.input[1]]) + prod(shapes[node.input[2]]))
    return 0


def parameters(graph: onnx.GraphProto, shapes: Shapes) -> int:
    """Elements of all weights and biases; scales and zero points are not counted."""
    names = {
        node.input[index]
        for node in graph.node
        for index in WEIGHTS.get(node.op_type, ())
        if index < len(node.input) and node.input[index]
    }
    return sum(prod(shapes[name]) for name in names)


def activation_peak(graph: onnx.GraphProto, shapes: Shapes, sizes: Mapping[str, int]) -> int:
    """Largest number of bytes alive at once; a fused chain counts as one tensor, of the size it has at the chain's end.

    Worked: input 240 floats, Conv -> 960 floats, Relu, Conv -> 480 floats: peak (960 + 480) x 4 = 5,760 bytes.
    """
    stored = _stored_as(graph)
    steps = [node for node in graph.node if node.op_type not in ALIASES]
    lifetimes: dict[str, tuple[int, int]] = {stored.get(value.name, value.name): (0, 0) for value in graph.input}
    for step, node in enumerate(steps):
        for name in (stored.get(n, n) for n in (*node.input, *node.output) if n in shapes):
            born, _ = lifetimes.get(name, (step, step))
            lifetimes[name] = (born, step)
    constants = set(View(graph).constants)
    alive = {name: span for name, span in lifetimes.items() if name not in constants and name in shapes}
    return max(
        sum(prod(shapes[name]) * sizes[name] for name, (born, last) in alive.items() if born <= step <= last)
        for step in range(len(steps))
    )


def tensor_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor, constants included."""
    graph = model.graph
    values = (*graph.input, *graph.value_info, *graph.output)
    found = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in values}
    return {**found, **{tensor.name: tuple(tensor.dims) for tensor in graph.initializer}}


def element_sizes(model: onnx.ModelProto) -> dict[str, int]:
    """Bytes per element of every tensor."""
    graph = model.graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {name: _itemsize(kind) for name, kind in types.items() if kind != TensorProto.UNDEFINED}


def _itemsize(kind: int) -> int:
    return int(helper.tensor_dtype_to_np_dtype(kind).itemsize)


def _stored_as(graph: onnx.GraphProto) -> dict[str, str]:
    """For each tensor in a fused chain, the one that is written to memory: the quantized one where there is one."""
    result: dict[str, str] = {}
    for node in graph.node:  # forwards: a dequantized or squeezed tensor lives in its source
        if node.op_type in {"DequantizeLinear", "Squeeze"}:
            result[node.output[0]] = result.get(node.input[0], node.input[0])
    for node in reversed(graph.node):  # backwards: a convolution writes what comes out of Relu and QuantizeLinear
        if node.op_type in {"Relu", "QuantizeLinear"}:
            result[node.input[0]] = result.get(node.output[0], node.output[0])
    return result
