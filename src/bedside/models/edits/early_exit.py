"""Early exit (BranchyNet, Teerapittayanon et al. 2016): a head after a named module answers the easy windows."""

import copy
from collections.abc import Iterable
from typing import Literal, NamedTuple, Self

from torch import Tensor, fx, nn

from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError
from bedside.models.base import Architecture
from bedside.models.edits.base import Edit, layer
from bedside.models.switched import SwitchedNetwork
from bedside.models.traced import VALUE, answer, shape, traced
from bedside.plugins import Choice


class EarlyExit(Edit):
    """`exit` reads what the network makes of a window up to the module `after`, in the place of what that read."""

    kind: Literal["early_exit"] = "early_exit"
    after: str
    exit: Choice[Architecture]

    def apply(self, network: nn.Module, inputs: Shapes) -> SwitchedNetwork:
        cut = split(network, inputs, self.after)
        classes = int(answer(cut.rest).meta[VALUE].shape[1])
        return SwitchedNetwork(self.exit.network(), cut.rest, classes, Frozen(cut.trunk), cut.replaced)


class Cut(NamedTuple):
    """A network in two: `trunk(**inputs)` is what `rest` reads in the place of the input `replaced`."""

    trunk: fx.GraphModule
    rest: fx.GraphModule
    replaced: str
    shape: tuple[int, ...]

    def inputs(self, inputs: Shapes) -> dict[str, tuple[int, ...]]:
        """What is read behind the cut: name -> shape, in the order of the network's own inputs."""
        return {name: self.shape if name == self.replaced else tuple(given) for name, given in inputs.items()}


class Frozen(nn.Module):
    """What lies before an exit: as it is, so that the network behind it goes on answering as it was trained to."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        del mode  # batch norms keep their statistics while the exit is trained
        return super().train(False)

    def forward(self, **inputs: Tensor) -> Tensor:
        """The inputs by name -> what both networks behind read."""
        features: Tensor = self.body(**inputs)
        return features


def split(network: nn.Module, inputs: Shapes, after: str) -> Cut:
    """Cut a network behind a module; its two halves are copies.

    RefusedError for a module behind which the network still reads something from before it, besides its answer.
    """
    layer(network, after)
    graph = traced(copy.deepcopy(network), inputs)
    here = [node for node in graph.graph.nodes if _inside(node, after)]
    if not here:
        raise RefusedError(f"after: the network never uses its module {after!r}; name another (params.yaml)")
    last = here[-1]
    before = _before(last)
    replaced = [str(node.target) for node in before if node.op == "placeholder"]
    crossing = [node for node in before if node is not last and any(user not in before for user in node.users)]
    others = [node.name for node in crossing if node.op != "placeholder" or node.target in replaced]
    if last is answer(graph):
        raise RefusedError(f"after: the network ends with its module {after!r}; name one before it (params.yaml)")
    if len(replaced) != 1 or others:
        found = f"also reads {', '.join(others)}" if others else f"is followed from {' and '.join(replaced)}"
        raise RefusedError(
            f"after: behind {after!r} the network {found}, where an exit needs one answer that all of one input has "
            "passed through; name another module (params.yaml)"
        )
    trunk = _part(graph, before, last, {})
    rest = _part(graph, [node for node in graph.graph.nodes if node not in before], answer(graph), {last: replaced[0]})
    return Cut(trunk, rest, replaced[0], tuple(shape(last))[1:])


def _inside(node: fx.Node, path: str) -> bool:
    called = node.op == "call_module" and str(node.target) == path
    return called or path in (node.meta.get("nn_module_stack") or {})


def _before(node: fx.Node) -> list[fx.Node]:
    """The node and everything that it follows from, in order."""
    found, todo = set(), [node]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += one.all_input_nodes
    return [one for one in node.graph.nodes if one in found]


def _part(
    graph: fx.GraphModule, nodes: Iterable[fx.Node], answers: fx.Node, given: dict[fx.Node, str]
) -> fx.GraphModule:
    """A graph of these nodes alone, with every input of the whole; `given` nodes are inputs of that name."""
    part, copies = fx.Graph(), {}
    names = {name: node for node, name in given.items()}
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            place = part.placeholder(str(node.target))
            copies[names.get(str(node.target), node)] = place
    for node in nodes:
        if node.op not in {"placeholder", "output"}:
            copies[node] = part.node_copy(node, lambda one: copies[one])
    part.output(copies[answers])
    result = fx.GraphModule(graph, part)
    result.delete_all_unused_submodules()
    return result.eval()
