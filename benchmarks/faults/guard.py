"""Signals that no heart makes. The bundle has no guard of its own yet; `validate` is what stands before training."""

from benchmarks.faults.rows import not_built

not_built(
    "NaN, Inf, flat, clipped, swapped or dropped lead, uV for mV",
    100,
    "refused by the bundle's own guard",
    "a bundle holds no guard: what it is given, it answers",
)
