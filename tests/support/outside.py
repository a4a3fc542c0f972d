"""ONNX files that take weights from elsewhere, by every way to name another file."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

HIDDEN = "weights.bin"


def at(folder: Path, weights: bytes) -> Iterator[str]:
    """Ways to name a file with these weights from `folder`: beside it, above it, whole, by each kind of link."""
    elsewhere = folder.parent / f"elsewhere-{folder.name}"
    elsewhere.mkdir()
    for place in (folder / HIDDEN, elsewhere / HIDDEN):
        place.write_bytes(weights)
    (folder / "symbolic.bin").symlink_to(elsewhere / HIDDEN)
    os.link(elsewhere / HIDDEN, folder / "hard.bin")
    yield from (HIDDEN, f"../{elsewhere.name}/{HIDDEN}", str(elsewhere / HIDDEN), "symbolic.bin", "hard.bin")


def moved_out(file: bytes, folder: Path) -> Iterator[bytes]:
    """The model with its largest tensor elsewhere, once for each way to say where; the weights lie there."""
    weights = largest(onnx.load_from_string(file)).raw_data
    for location in at(folder, weights):
        model = onnx.load_from_string(file)
        _point(largest(model), location)
        yield model.SerializeToString()


def largest(model: onnx.ModelProto) -> TensorProto:
    """The initializer with the most bytes."""
    found: TensorProto = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    return found


def hidden_in(place: str) -> bytes:
    """A small model that names another file in a part that is easily forgotten."""
    hidden: bytes = HIDING[place]().SerializeToString()
    return hidden


def _point(tensor: TensorProto, location: str) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location


def _elsewhere(name: str = "w") -> TensorProto:
    tensor = helper.make_tensor(name, TensorProto.FLOAT, [1], b"\0\0\0\0", raw=True)
    _point(tensor, HIDDEN)
    return tensor


def _model(nodes: list[onnx.NodeProto], initializers: list[TensorProto] | None = None) -> onnx.ModelProto:
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_model(helper.make_graph(nodes, "g", [], [out], initializers or []))


def _constant(**attribute: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["y"], **attribute)


def _in_a_branch() -> onnx.ModelProto:
    branch = _model([_constant(value=_elsewhere())]).graph
    return _model([helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)])


def _in_a_function() -> onnx.ModelProto:
    model = _model([])
    body = [_constant(value=_elsewhere())]
    model.functions.append(helper.make_function("own", "f", [], ["y"], body, [helper.make_opsetid("", 21)]))
    return model


def _in_a_sparse_one() -> onnx.ModelProto:
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    sparse = helper.make_sparse_tensor(_elsewhere(), indices, [4])
    return _model([_constant(sparse_value=sparse)])


def _in_training_info() -> onnx.ModelProto:
    model = _model([])
    model.training_info.add().algorithm.CopyFrom(_model([], [_elsewhere()]).graph)
    return model


def _by_location_alone() -> onnx.ModelProto:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [0.0])
    tensor.data_location = TensorProto.EXTERNAL
    return _model([], [tensor])


def _by_entry_alone() -> onnx.ModelProto:
    tensor = _elsewhere()
    tensor.ClearField("data_location")
    return _model([], [tensor])


HIDING: dict[str, Callable[[], onnx.ModelProto]] = {
    "an initializer": lambda: _model([], [_elsewhere()]),
    "a constant": lambda: _model([_constant(value=_elsewhere())]),
    "a branch": _in_a_branch,
    "a function": _in_a_function,
    "a sparse tensor": _in_a_sparse_one,
    "training info": _in_training_info,
    "a location without a name": _by_location_alone,
    "a name without a location": _by_entry_alone,
}
