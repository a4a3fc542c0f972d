"""What a graph would be without its trick: the network whose answers it gives, and whose time it must not exceed.

A trick is what was done for speed: integer grids, or a first network that spares the second.
"""

from typing import Literal, NamedTuple

from bedside.graph.branches import is_switched, second
from bedside.graph.canonical import canonical_bytes
from bedside.graph.quantized import is_quantized, without_grids
from bedside.graph.reading import model_of

Kind = Literal["float", "second"]
WORDS: dict[Kind, str] = {
    "float": "the same network in float, with nothing rounded",
    "second": "the second network alone, which answers every window without the first",
}


class Plain(NamedTuple):
    """An exported graph, and what it leaves out."""

    kind: Kind
    graph: bytes


def plain(graph: bytes) -> Plain | None:
    """The exported graph without its trick; None for a float graph of one network, which has none."""
    model = model_of(graph)
    if is_switched(model):
        return Plain("second", canonical_bytes(second(model)))
    if not is_quantized(model):
        return None
    without_grids(model)
    return Plain("float", canonical_bytes(model))
