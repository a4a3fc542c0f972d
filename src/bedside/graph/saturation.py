"""Proof from a file's bytes that its int8 kernels answer alike on every CPU: no pair of products leaves 16 bits.

See `bedside.grid` for why pairs. What is read are the integer weights of every layer that a runtime may compute
in integers, in any form: QDQ around Conv, Gemm and MatMul, ONNX's and ONNX Runtime's integer operators.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx

from bedside.graph.surgery import Array, View, attribute, branches
from bedside.grid import PAIR, pair_sums

# Where a layer's integer weights stand among its inputs, and which of their axes is the output.
INTEGER_WEIGHTS = {
    "QLinearConv": ((3, 0),),
    "ConvInteger": ((1, 0),),
    "QLinearMatMul": ((3, -1),),
    "MatMulInteger": ((1, -1),),
    "MatMulIntegerToFloat": ((1, -1),),
    "DynamicQuantizeMatMul": ((1, -1),),
    "QGemm": ((3, None),),  # as `transB` says
    "DynamicQuantizeLSTM": ((1, -1), (2, -1)),
}
FLOAT_FORM = {"Conv": 0, "FusedConv": 0, "Gemm": None, "FusedGemm": None, "MatMul": -1}


def pairs(model: onnx.ModelProto) -> dict[str, Any]:
    """`limit`, the largest sum of two weights by `layers`, `unknown` layers, and whether all of it is `safe`.

    Safe: every layer that may run in integers has constant int8 weights, and no two weights of one sign in a row add up
    to more than 128. A layer whose weights are of another type, or computed, is unknown, and so not safe. A graph
    without such layers is safe.
    """
    layers: dict[str, int] = {}
    unknown: list[str] = []
    for name, weight in _weights(model.graph, {}):
        if weight is None or weight.dtype != np.int8:
            unknown.append(f"{name}: weights are {'computed' if weight is None else weight.dtype}")
        else:
            layers[name] = int(pair_sums(weight).max(initial=0))
    safe = not unknown and all(largest <= PAIR for largest in layers.values())
    return {"limit": PAIR, "layers": layers, "unknown": unknown, "safe": safe}


def _weights(graph: onnx.GraphProto, around: Mapping[str, onnx.TensorProto]) -> Iterator[tuple[str, Array | None]]:
    """The weights (row, input) of every layer that may run in integers, None where they are no constant."""
    view = View(graph)
    view.constants = {**around, **view.constants}  # a branch reads what stands around it
    for node in graph.node:
        for index, axis in INTEGER_WEIGHTS.get(node.op_type, ()):
            yield _named(node, index), _rows(node, view.constant(node.input[index]), axis)
        if node.op_type in FLOAT_FORM and _is_quantized(node, view):
            stored = view.producers[node.input[1]].input[0]
            yield _named(node, 1), _rows(node, view.constant(stored), FLOAT_FORM[node.op_type])
        for branch in branches(node):
            yield from _weights(branch, view.constants)


def _is_quantized(node: onnx.NodeProto, view: View) -> bool:
    """Whether a layer in float form stands between grids of 8 bits, so that a runtime may fuse it into integers."""
    data, weight = (view.made_by("DequantizeLinear", name) for name in node.input[:2])
    return data is not None and weight is not None and not _is_wide(data, view)


def _is_wide(grid: onnx.NodeProto, view: View) -> bool:
    zero = view.constant(grid.input[2]) if len(grid.input) > 2 else None
    return zero is not None and zero.dtype.itemsize > 1


def _named(node: onnx.NodeProto, index: int) -> str:
    """A layer by what it makes, with the place of these weights where it has several."""
    made = next(name for name in node.output if name)
    return f"{made}.{index}" if len(INTEGER_WEIGHTS.get(node.op_type, ())) > 1 else made


def _rows(node: onnx.NodeProto, weight: Array | None, axis: int | None) -> Array | None:
    """(..., output, ...) -> (output, input); of an LSTM's two directions, one after the other."""
    if weight is None:
        return None
    if axis is None:
        axis = 0 if attribute(node, "transB", 0) else -1
    moved = np.moveaxis(weight, axis, 0)
    if node.op_type == "DynamicQuantizeLSTM":  # (direction, input, 4 * units)
        return np.concatenate([direction.T for direction in weight])
    return moved.reshape(len(moved), -1)
