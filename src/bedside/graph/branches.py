"""Two networks in one graph: the second stands in a branch (ONNX `If`) and runs only where the first is unsure.

A call takes a batch, an `If` one condition: the branch runs when any window of the batch is unsure, and each window
keeps the answer that it would get alone. A batch of one, which is what a device runs, skips the second network.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper

from bedside.graph.surgery import Array, View, attribute, constant, drop_unused, of_type, relabel, set_nodes

LOGITS = "logits"
# Names that no input can have, because they are no Python names.
FEATURES, FAST, SLOW, SLACK = "switch/features", "switch/fast", "switch/slow", "switch/slack"


def switched(
    first: onnx.ModelProto,
    second: onnx.ModelProto,
    thresholds: Array,
    shared: onnx.ModelProto | None = None,
    replaced: str = "",
) -> onnx.ModelProto:
    """One graph inputs -> logits: the answer of `first` where it is sure, elsewhere that of `second`.

    A window is sure when its two highest logits lie at least `thresholds[winner]` apart, (class,). All three graphs
    read the same inputs; what `shared` makes of them is what the other two read in the place of the input `replaced`.
    """
    inputs = {value.name: value.name for value in first.graph.input}
    read = {**inputs, replaced: FEATURES} if shared else inputs
    model = onnx.ModelProto()
    model.CopyFrom(first)
    graph = model.graph
    _place(graph, "first/", {**read, LOGITS: FAST})
    branch, way_back = onnx.GraphProto(), onnx.GraphProto()
    branch.CopyFrom(second.graph)
    _place(branch, "second/", {**read, LOGITS: SLOW})
    if shared:
        before = onnx.GraphProto()
        before.CopyFrom(shared.graph)
        _place(before, "shared/", {**inputs, LOGITS: FEATURES})
        set_nodes(graph, [*before.node, *graph.node])
        graph.initializer.extend(before.initializer)
        _input(graph, FEATURES).CopyFrom(_input(before, replaced))
    _choose_in(branch, graph.output[0])
    _keep_in(way_back, graph.output[0])
    _decide(graph, thresholds, branch, way_back)
    return model


def _input(graph: onnx.GraphProto, name: str) -> onnx.ValueInfoProto:
    found: onnx.ValueInfoProto = next(value for value in graph.input if value.name == name)
    return found


def _place(graph: onnx.GraphProto, prefix: str, given: Mapping[str, str]) -> None:
    relabel(graph, lambda name: given.get(name, prefix + name))


def _decide(graph: onnx.GraphProto, thresholds: Array, branch: onnx.GraphProto, way_back: onnx.GraphProto) -> None:
    """Append the margin of the two best logits, what it lacks at worst, and the branch."""
    table = constant(graph, "switch/thresholds", thresholds.astype(np.float32))
    one, two = (constant(graph, f"switch/{name}", np.array([value])) for name, value in (("one", 1), ("two", 2)))
    zero, start = (
        constant(graph, "switch/zero", np.zeros(1, np.float32)),
        constant(graph, "switch/start", np.array([0])),
    )
    node = helper.make_node
    steps = [
        node("TopK", [FAST, two], ["switch/best", "switch/order"], axis=1),
        node("Split", ["switch/best"], ["switch/highest", "switch/next"], axis=1, num_outputs=2),
        node("Sub", ["switch/highest", "switch/next"], ["switch/margin"]),
        node("Slice", ["switch/order", start, one, one], ["switch/winner"]),
        node("Gather", [table, "switch/winner"], ["switch/needed"]),
        node("Sub", ["switch/margin", "switch/needed"], [SLACK]),
        node("ReduceMin", [SLACK], ["switch/worst"], keepdims=0),
        node("Less", ["switch/worst", zero], ["switch/unsure"]),
        node("If", ["switch/unsure"], [LOGITS], then_branch=branch, else_branch=way_back),
    ]
    graph.node.extend(steps)
    graph.output[0].name = LOGITS


def _choose_in(branch: onnx.GraphProto, logits: onnx.ValueInfoProto) -> None:
    """Let the branch end in each window's own answer: the second network's where this window is unsure."""
    zero = constant(branch, "second/zero", np.zeros(1, np.float32))
    branch.node.append(helper.make_node("Less", [SLACK, zero], ["switch/doubted"]))
    branch.node.append(helper.make_node("Where", ["switch/doubted", SLOW, FAST], ["switch/chosen"]))
    _finish(branch, "then", "switch/chosen", logits)


def _keep_in(branch: onnx.GraphProto, logits: onnx.ValueInfoProto) -> None:
    branch.node.append(helper.make_node("Identity", [FAST], ["switch/kept"]))
    _finish(branch, "else", "switch/kept", logits)


def _finish(branch: onnx.GraphProto, name: str, output: str, like: onnx.ValueInfoProto) -> None:
    del branch.input[:]  # a branch reads the tensors around it
    del branch.output[:]
    branch.name = name
    branch.output.add().CopyFrom(like)
    branch.output[0].name = output


def is_switched(model: onnx.ModelProto) -> bool:
    """Whether what runs depends on the window."""
    return bool(of_type(model.graph, "If"))


def second(model: onnx.ModelProto) -> onnx.ModelProto:
    """The second network by itself, which answers every window: what one would run without the first."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    choice = View(graph).made_by("If", LOGITS)
    branch: onnx.GraphProto | None = attribute(choice, "then_branch") if choice else None
    chosen = View(branch).made_by("Where", branch.output[0].name) if branch else None
    if branch is None or chosen is None:
        raise ValueError("this graph makes no decision of bedside.graph.branches")
    slow = chosen.input[1]
    relabel(branch, lambda name: LOGITS if name == slow else name)
    graph.initializer.extend(branch.initializer)
    set_nodes(graph, [*(node for node in graph.node if LOGITS not in node.output), *branch.node])
    drop_unused(graph)
    return result


def path(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """The graph that a call runs through which takes the branch `name` (then_branch or else_branch) of every If."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    while ifs := of_type(graph, "If"):
        nodes = list(graph.node)
        place = next(index for index, node in enumerate(nodes) if node.op_type == "If")
        branch: onnx.GraphProto = attribute(ifs[0], name)
        back = dict(zip((value.name for value in branch.output), ifs[0].output, strict=True))
        relabel(branch, lambda inner, back=back: back.get(inner, inner))  # type: ignore[misc]  # bound at once
        graph.initializer.extend(branch.initializer)
        set_nodes(graph, [*nodes[:place], *branch.node, *nodes[place + 1 :]])
    drop_unused(graph)
    return result


def router(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph up to its decision: `logits` is what each window's margin has over its threshold, (batch, 1).

    Below zero: the window needs the second network. For measuring how many do, in the runtime that will decide.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph, view = result.graph, View(result.graph)
    choice = view.made_by("If", LOGITS)
    less = view.made_by("Less", choice.input[0]) if choice else None
    worst = view.made_by("ReduceMin", less.input[0]) if less else None
    if choice is None or worst is None:
        raise ValueError("this graph makes no decision of bedside.graph.branches")
    slack = worst.input[0]
    set_nodes(graph, [node for node in graph.node if LOGITS not in node.output])
    relabel(graph, lambda name: LOGITS if name == slack else name)
    graph.output[0].type.tensor_type.shape.dim[1].Clear()
    graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1
    drop_unused(graph)
    return result
