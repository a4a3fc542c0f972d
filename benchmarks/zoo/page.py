"""The page of the walk."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.zoo.walk import Cell, OnTarget

HEAD = """# Any network: seven under eight techniques on two targets

Written by `python -m benchmarks.zoo`; networks as in `benchmarks/zoo/networks.py`. Each is trained for two short epochs
on a small simulated cohort, so accuracy is not claimed here: the table says what works, what it saves, and how the
file answers.

- **numbers**: parameters and multiply-accumulates for a window, of the exported graph.
- **kB**: the file for the target. **times faster**: than the float network, timed in turns (A B A B), median.
- **answers**: of 400 validation windows, those whose class differs from the network in torch (fake quantization against
  integers for int8), and of 64 those that differ between a window alone and in a batch of 16.
"""
REFUSED = "\n## Refused, and why\n"


def page(cells: Sequence[Cell], around: Mapping[str, Any]) -> str:
    """Markdown."""
    tried = [cell for cell in cells if cell.technique]
    works = [cell for cell in tried if not cell.refused]
    targets = list(next(cell for cell in cells if cell.targets).targets)
    head = ["network", "technique", "parameters", "MACs"]
    for target in targets:
        head += [f"{target}: kB", "times faster", "answers changed, alone / batch"]
    lines = [
        HEAD,
        f"**{len(works)} of {len(tried)} work**; {len(tried) - len(works)} are refused with a reason, below. "
        f"Measured on {around['cpu']} ({around['cpu_kind']}), one thread.\n",
        f"| {' | '.join(head)} |",
        "|" + "---|" * len(head),
        *(_row(cell, targets) for cell in cells if not cell.refused),
    ]
    refused = [f"- **{cell.network}, {cell.technique}**: {cell.refused}" for cell in tried if cell.refused]
    return "\n".join([*lines, *([REFUSED, *refused] if refused else [])]) + "\n"


def _row(cell: Cell, targets: Sequence[str]) -> str:
    figures = [cell.network, cell.technique or "as it is", f"{cell.parameters:,}", f"{cell.macs:,}"]
    for target in targets:
        figures += _of(cell.targets[target])
    return f"| {' | '.join(figures)} |"


def _of(found: OnTarget) -> list[str]:
    faster = "1" if found.times_faster is None else f"{found.times_faster:.2g}"
    return [f"{found.bytes / 1000:.1f}", faster, f"{found.label_changes} / {found.changes_in_batches}"]
