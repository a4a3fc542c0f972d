"""Which layers of a network could be written as two cheaper ones."""

from collections.abc import Iterable

from torch import nn

from bedside.errors import RefusedError
from bedside.models.convolution import CausalConv1d
from bedside.models.edits.base import among
from bedside.models.edits.low_rank import LowRank
from bedside.models.edits.separable import Separable
from bedside.models.network import Network
from bedside.models.traced import answer, calls, traced


def replaceable_layers(network: nn.Module, shape: Network) -> list[str]:
    """Paths of the whole layers that only multiply what they read, in the order of the network's work.

    The one that gives the answer, a few classes wide, gains nothing and is left out.
    """
    graph = traced(network, shape.inputs)
    halves = [name for edit in shape.edits for name in _replaced(edit)]
    last = answer(graph).target
    found = [path for path in calls(graph) if path != last and not among(path, halves)]
    return [path for path in found if _is_plain(graph.get_submodule(path))]


def _replaced(edit: object) -> Iterable[str]:
    if isinstance(edit, LowRank):
        return edit.ranks
    return edit.layers if isinstance(edit, Separable) else ()


def _is_plain(layer: nn.Module) -> bool:
    match layer:
        case nn.Conv1d() | nn.Conv2d():
            known = type(layer) in {nn.Conv1d, nn.Conv2d, CausalConv1d}
            return known and layer.groups == 1 and layer.padding_mode == "zeros"
        case nn.LSTM() | nn.GRU():
            return not layer.proj_size
    return isinstance(layer, nn.Linear)


def require_named(named: Iterable[str], known: Iterable[str], where: str) -> None:
    """RefusedError for a name that is no layer in question, nor a module that holds one; `where` is the parameter."""
    known = list(known)
    for name in named:
        if not any(among(path, [name]) for path in known):
            raise RefusedError(f"{where}: no layer {name!r} to replace in the parent; known: {', '.join(known)}")
