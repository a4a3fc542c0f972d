"""Really removing units: smaller layers with the kept rows and columns of the old weights.

Removing a unit removes its own weights (a convolution's filter with its batch norm, all gates of an LSTM cell, a row
of a linear layer) and the columns with which the next layers read it.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from bedside.compression.pruning.units import FIXED, Group, Marks, Wiring, grouped
from bedside.compression.pruning.wiring import wired
from bedside.datasets.inputs import Shapes
from bedside.errors import RefusedError
from bedside.models.edits.pruned import Pruned, Width
from bedside.models.like import resized
from bedside.models.traced import traced

Keep = Mapping[str, Tensor]  # group -> sorted places of the units that stay


@dataclass(frozen=True)
class Anatomy:
    """A network's groups of units and which rows and columns of which layer are whose."""

    wired: dict[str, Wiring]
    marks: Marks
    groups: dict[str, Group]

    @classmethod
    def of(cls, network: nn.Module, inputs: Shapes) -> Self:
        """Read off the traced network; its parameters are this network's own."""
        wiring, marks = wired(traced(network, inputs))
        return cls(wiring, marks, grouped(wiring, marks))

    @property
    def pinned(self) -> dict[str, str]:
        """Layers of which no unit may go, and why."""
        made = {
            path: self.marks.roots(one.rows) for path, one in self.wired.items() if one.makes and one.rows is not None
        }
        return {
            path: next(self.marks.reasons[root] for root in roots.tolist() if root in self.marks.reasons)
            for path, roots in made.items()
            if not any(self.marks.free(root) for root in roots.tolist())
        }

    def removed(self, keep: Keep) -> Tensor:
        """The roots of the units that `keep` leaves out."""
        gone = [group.units[_others(len(group.units), keep[name])] for name, group in self.groups.items()]
        return torch.cat(gone) if gone else torch.tensor([FIXED])[:0]


def _others(count: int, kept: Tensor) -> Tensor:
    mask = torch.ones(count, dtype=torch.bool)
    mask[kept] = False
    return mask


def require_units(network: nn.Module, inputs: Shapes) -> None:
    """RefusedError for a network of which no unit may go, with the first layers that keep theirs and why."""
    anatomy = Anatomy.of(network, inputs)
    if not anatomy.groups:
        why = "; ".join(f"{path}: {reason}" for path, reason in list(anatomy.pinned.items())[:3])
        raise RefusedError(f"prune finds no unit that could go ({why or 'no layer of weights'}); drop the variant")


def shrink(network: nn.Module, inputs: Shapes, keep: Keep) -> tuple[nn.Module, Pruned]:
    """A copy of the network without the units that `keep` does not name, and the edit that makes its layers."""
    result = copy.deepcopy(network)
    anatomy = Anatomy.of(result, inputs)
    gone = anatomy.removed(keep)
    widths = {}
    with torch.no_grad():
        for path, one in anatomy.wired.items():
            rows, columns = (_kept(anatomy.marks, marks, gone) for marks in (one.rows, one.columns))
            if rows is None and columns is None:
                continue
            smaller = _smaller(one.module, rows, columns)
            result.set_submodule(path, smaller)
            sizes = [None if places is None else len(places) for places in (rows, columns)]
            widths[path] = Width(outputs=sizes[0], inputs=sizes[1])
    return result.eval(), Pruned(widths=widths)


def _kept(marks: Marks, of: Tensor | None, gone: Tensor) -> Tensor | None:
    """The places that stay; None where all of them do."""
    if of is None:
        return None
    stay = ~torch.isin(marks.roots(of), gone)
    return None if bool(stay.all()) else torch.nonzero(stay).flatten()


def _smaller(module: nn.Module, rows: Tensor | None, columns: Tensor | None) -> nn.Module:
    result = resized(module, None if rows is None else len(rows), None if columns is None else len(columns))
    state = {name: _cut(name, tensor, module, rows, columns) for name, tensor in module.state_dict().items()}
    result.load_state_dict(state)
    return result


def _cut(name: str, tensor: Tensor, module: nn.Module, rows: Tensor | None, columns: Tensor | None) -> Tensor:
    """What stays of one of a module's tensors."""
    if isinstance(module, nn.LSTM | nn.GRU):
        columns = _read(name, module, rows, columns)
        rows = None if rows is None else _of_every_gate(rows, tensor.shape[0], module.hidden_size)
    if rows is not None and tensor.ndim:
        tensor = tensor[rows]
    if columns is not None and tensor.ndim > 1 and tensor.shape[1] > 1:  # a depthwise filter reads its own channel
        tensor = tensor[:, columns]
    return tensor


def _read(name: str, module: nn.LSTM | nn.GRU, rows: Tensor | None, columns: Tensor | None) -> Tensor | None:
    """The columns that stay of a recurrent layer's weights: the past, the layer below, or the input."""
    if name.startswith("weight_ih_l0"):
        return columns
    if rows is None or name.startswith("weight_hh") or not module.bidirectional:
        return rows
    return torch.cat([rows, rows + module.hidden_size])


def _of_every_gate(rows: Tensor, height: int, units: int) -> Tensor:
    return torch.cat([rows + start for start in range(0, height, units)])
