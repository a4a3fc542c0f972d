"""Without its trick a graph is the very one that its parent or its second network would have been exported to."""

import onnx
import pytest

from bedside.graph.export import export
from bedside.graph.plain import plain
from bedside.graph.quantized import is_quantized
from bedside.models.switched import Alone
from bedside.targets import Target
from bedside.targets.onnxruntime import OnnxRuntime
from bedside.targets.openvino import OpenVino
from tests.support import adaptive
from tests.support.networks import INPUTS, exported, int8_network

each_target = pytest.mark.parametrize("target", [OnnxRuntime(), OpenVino()], ids=["onnxruntime", "openvino"])
each_sort = pytest.mark.parametrize("sort", adaptive.SORTS)


def work(graph: bytes) -> list[tuple[str, list[str], list[tuple[int, ...]]]]:
    """All that time depends on: operators with their attributes, in order, and the shapes of their constants."""
    model = onnx.load_from_string(graph)
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    return [
        (node.op_type, [str(a) for a in node.attribute], [shapes[name] for name in node.input if name in shapes])
        for node in model.graph.node
    ]


@each_target
@pytest.mark.parametrize("units", [(), (12,), (48, 12)])
def test_the_float_twin_has_the_same_work_to_do_as_the_float_parent(target: Target, units: tuple[int, ...]) -> None:
    found = plain(exported("int8", *units))
    assert found is not None
    assert found.kind == "float"
    assert work(target.compiled(found.graph)) == work(target.compiled(exported("fp32", *units)))


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_nothing_is_rounded_in_it_whatever_was(bits: int) -> None:
    found = plain(export(int8_network(12, bits=bits), INPUTS))
    assert found is not None
    assert not is_quantized(onnx.load_from_string(found.graph))
    assert {t.data_type for t in onnx.load_from_string(found.graph).graph.initializer} <= {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.INT64,
    }


@each_sort
def test_without_the_first_network_the_second_answers_every_window(sort: adaptive.Sort) -> None:
    found, pair = plain(adaptive.exported(sort)), adaptive.two_step(sort)
    assert found is not None
    assert found.kind == "second"
    assert found.graph == export(Alone(pair.second, pair), INPUTS)


def test_a_float_graph_of_one_network_has_no_trick() -> None:
    assert plain(exported("fp32", 12)) is None
