import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bedside.graph.canonical import canonical_bytes
from bedside.graph.folding import fold_constants
from bedside.graph.operators import histogram
from bedside.graph.rewrites import is_zero
from bedside.graph.surgery import View, drop_unused


def model(nodes: list[onnx.NodeProto], **constants: np.ndarray) -> onnx.ModelProto:
    """A model x (2,) -> y (2,) of these nodes."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_what_is_constant_is_computed_and_the_recipe_is_gone() -> None:
    steps = [helper.make_node("Add", ["a", "a"], ["b"]), helper.make_node("Mul", ["x", "b"], ["y"])]
    folded = model(steps, a=np.array([1, 2], np.float32))
    fold_constants(folded)
    assert histogram(folded.SerializeToString()) == {"Mul": 1}
    assert [numpy_helper.to_array(t).tolist() for t in folded.graph.initializer] == [[2, 4]]


def test_quantized_weights_become_integers_and_stay_integers() -> None:
    steps = [
        helper.make_node("QuantizeLinear", ["w", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("Mul", ["x", "d"], ["y"]),
    ]
    folded = model(steps, w=np.array([1, -0.5], np.float32), s=np.array(1 / 127, np.float32), z=np.array(0, np.int8))
    fold_constants(folded)
    assert histogram(folded.SerializeToString()) == {"DequantizeLinear": 1, "Mul": 1}
    (stored,) = [numpy_helper.to_array(t) for t in folded.graph.initializer if t.name == "q"]
    assert stored.dtype == np.int8
    assert stored.tolist() == [127, -64]


def test_nothing_that_depends_on_the_input_is_taken_for_zero() -> None:
    steps = [
        helper.make_node("Expand", ["zero", "shape"], ["a"]),
        helper.make_node("Expand", ["x", "shape"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    view = View(model(steps, zero=np.zeros(1, np.float32), shape=np.array([2])).graph)
    assert is_zero(view, "a")
    assert is_zero(view, "")
    assert not is_zero(view, "b")
    assert not is_zero(view, "y")


def test_unread_nodes_and_constants_are_dropped() -> None:
    steps = [helper.make_node("Neg", ["x"], ["y"]), helper.make_node("Mul", ["x", "a"], ["unread"])]
    lean = model(steps, a=np.array([1, 2], np.float32))
    drop_unused(lean.graph)
    assert [node.op_type for node in lean.graph.node] == ["Neg"]
    assert not lean.graph.initializer


def test_comments_and_metadata_change_no_byte() -> None:
    plain = model([helper.make_node("Neg", ["x"], ["y"])])
    chatty = model([helper.make_node("Neg", ["x"], ["y"], name="made in a hurry", doc_string="by me")])
    chatty.metadata_props.add(key="host", value="my-laptop")
    chatty.producer_name = "someone"
    assert canonical_bytes(plain) == canonical_bytes(chatty)


def test_an_invalid_graph_is_refused() -> None:
    with pytest.raises(onnx.checker.ValidationError, match="missing"):
        canonical_bytes(model([helper.make_node("Neg", ["missing"], ["y"])]))
