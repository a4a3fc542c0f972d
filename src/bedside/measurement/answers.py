"""What a graph answers on every window, as the device would: one window at a time, or in a way that is the same."""

from typing import Any

import numpy as np
from tqdm import tqdm

from bedside.edge.runner import Arrays, Floats, Runner, batch_of, rows

SAME = 1e-5  # logits; different orders of summation stay far below


def answers(runner: Runner, inputs: Arrays, *, batch: int, sampled: int, name: str) -> tuple[Floats, dict[str, Any]]:
    """Logits (window, class) and how they were had.

    A device sees one window at a time. Batches are faster and usually the same, but a dynamically quantized layer takes
    its range from the whole batch, so that a patient's answer depends on the neighbours: when `sampled` windows show
    any difference, every window is run alone.
    """
    windows = batch_of(inputs, runner.inputs)
    sample = np.unique(np.linspace(0, windows - 1, min(sampled, windows)).astype(np.int64))
    alone = _run(runner, rows(inputs, sample), 1, f"{name}: alone")
    together = _run(runner, rows(inputs, sample), batch, f"{name}: together")
    difference = float(np.abs(alone - together).max())
    used = batch if difference <= SAME else 1
    facts = {
        "batch": used,
        "sampled": len(sample),
        "max_difference_to_alone": difference,
        "label_changes_to_alone": int((alone.argmax(1) != together.argmax(1)).sum()),
    }
    return _run(runner, inputs, used, name), facts


def _run(runner: Runner, inputs: Arrays, batch: int, name: str) -> Floats:
    starts = range(0, batch_of(inputs, runner.inputs), batch)
    progress = tqdm(starts, desc=name, unit="batch", mininterval=0.5, disable=len(starts) < 2)
    return np.concatenate([runner(rows(inputs, slice(i, i + batch))) for i in progress])
