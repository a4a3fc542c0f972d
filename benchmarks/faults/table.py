"""All rows, in the order of the scorecard: each group declares its own when it is imported."""

import importlib

from benchmarks.faults.rows import ROWS

GROUPS = (
    "kills",
    "training",
    "promotion",
    "tracking",
    "disk",
    "memory",
    "flipped",
    "recordings",
    "guard",
    "splits",
    "labels",
    "gates",
    "reviewers",
    "services",
    "clocks",
    "tampering",
    "attacks",
)
for group in GROUPS:
    importlib.import_module(f"benchmarks.faults.{group}")

__all__ = ["ROWS"]
