"""Units of a network: what can be removed one by one, and everything that goes with each.

Every number that a network computes is marked with the unit it belongs to: a tensor of the marks runs through the
traced network beside the numbers. What moves numbers (reshape, transpose, concatenation, slices) moves marks by the
very same function; what adds two tensors makes the units that meet one, because they can only go together; what mixes
units in a way that nobody here can undo pins them, with the reason. (Torch-Pruning, Fang et al. 2023, asks autograd
instead, which does not see through an LSTM; docs/adr/0025.)
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

FIXED = 0  # the mark of what belongs to no unit: the inputs


@dataclass(frozen=True)
class Wiring:
    """Which units a module answers with (`rows`) and reads (`columns`), a mark per output and input; None: no such."""

    module: nn.Module
    rows: Tensor | None = None
    columns: Tensor | None = None
    makes: bool = False  # new units, instead of handing on those it reads


@dataclass
class Marks:
    """Which marks mean the same unit, and which are pinned, and why."""

    parent: list[int] = field(default_factory=lambda: [FIXED])
    reasons: dict[int, str] = field(default_factory=lambda: {FIXED: "it is an input"})

    def fresh(self, count: int) -> Tensor:
        """Marks of `count` new units, (unit,)."""
        first = len(self.parent)
        self.parent += range(first, first + count)
        return torch.arange(first, first + count)

    def root(self, mark: int) -> int:
        """The one mark that stands for all that mean the same unit."""
        while self.parent[mark] != mark:
            self.parent[mark] = self.parent[self.parent[mark]]
            mark = self.parent[mark]
        return mark

    def roots(self, marks: Tensor) -> Tensor:
        """`root` of each, in the same shape."""
        values, places = torch.unique(marks, return_inverse=True)
        return torch.tensor([self.root(mark) for mark in values.tolist()])[places]

    def join(self, one: Tensor, other: Tensor) -> Tensor:
        """Make units that meet one, element by element, and return the result's marks; to meet an input pins."""
        one, other = torch.broadcast_tensors(one, other)  # type: ignore[no-untyped-call]  # torch's annotation is missing
        for pair in torch.unique(torch.stack([one.flatten(), other.flatten()]), dim=1).T.tolist():
            low, high = sorted(map(self.root, pair))
            self.parent[high] = low
            if high in self.reasons:
                self.reasons.setdefault(low, self.reasons[high])
            if low == FIXED != high:
                self.reasons.setdefault(high, "it is added to what belongs to no unit")
        return one

    def pin(self, marks: Iterable[Tensor], reason: str) -> None:
        """Keep all these units, for this reason."""
        for mark in {mark for tensor in marks for mark in torch.unique(tensor).tolist()}:
            self.reasons.setdefault(self.root(mark), reason)

    def free(self, mark: int) -> bool:
        """Whether the unit may go."""
        root = self.root(mark)
        return root != FIXED and root not in self.reasons


@dataclass(frozen=True)
class Group:
    """Units that are chosen among one another: of one layer, or of several that are added up.

    `owned` are the parameters with a row per unit, each with the unit of every row (row,).
    """

    units: Tensor  # roots, (unit,)
    owned: list[tuple[nn.Parameter, Tensor]]

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [parameter for parameter, _ in self.owned]

    def total(self, values: Iterable[Tensor]) -> Tensor:
        """Sum per unit (unit,) of values shaped like the parameters."""
        result = torch.zeros(len(self.units))
        for value, (_, places) in zip(values, self.owned, strict=True):
            own = places >= 0
            result = result.index_add(0, places[own], value.reshape(len(places), -1).sum(1)[own])
        return result


def grouped(wired: dict[str, Wiring], marks: Marks) -> dict[str, Group]:
    """Every group of units that may go, by the path of the first module that makes them."""
    rows = {path: marks.roots(one.rows) for path, one in wired.items() if one.rows is not None}
    group_of: dict[int, str] = {}
    for path in (path for path, one in wired.items() if one.makes):
        free = [root for root in rows[path].tolist() if marks.free(root)]
        first = next((group_of[root] for root in free if root in group_of), path)
        group_of |= {root: first for root in free if root not in group_of}
    units: dict[str, list[int]] = {}
    for root, first in group_of.items():
        units.setdefault(first, []).append(root)
    return {first: Group(torch.tensor(own), _owned(own, rows, wired)) for first, own in units.items()}


def _owned(units: list[int], rows: dict[str, Tensor], wired: dict[str, Wiring]) -> list[tuple[nn.Parameter, Tensor]]:
    """Every parameter with rows of these units, and the place among them of each row's unit, or -1."""
    place = {root: index for index, root in enumerate(units)}
    found = []
    for path, roots in rows.items():
        places = torch.tensor([place.get(root, -1) for root in roots.tolist()])
        if bool((places >= 0).any()):
            parameters = wired[path].module.parameters(recurse=False)
            found += [(parameter, places.repeat(len(parameter) // len(places))) for parameter in parameters]
    return found
