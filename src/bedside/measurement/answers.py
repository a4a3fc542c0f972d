"""What a graph answers on every window, as the device would: one window at a time, or in a way that is the same."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bedside.edge.runner import Runner

Floats = NDArray[np.float32]
SAME = 1e-5  # logits; different orders of summation stay far below


def answers(
    runner: Runner, signal: Floats, rhythm: Floats, *, batch: int, sampled: int, name: str
) -> tuple[Floats, dict[str, Any]]:
    """Logits (window, class) and how they were had.

    A device sees one window at a time. Batches are faster and usually the same, but a dynamically quantized layer takes
    its range from the whole batch, so that a patient's answer depends on the neighbours: when `sampled` windows show
    any difference, every window is run alone.
    """
    rows = np.unique(np.linspace(0, len(signal) - 1, min(sampled, len(signal))).astype(np.int64))
    alone = _run(runner, signal[rows], rhythm[rows], 1, f"{name}: alone")
    together = _run(runner, signal[rows], rhythm[rows], batch, f"{name}: together")
    difference = float(np.abs(alone - together).max())
    used = batch if difference <= SAME else 1
    facts = {
        "batch": used,
        "sampled": len(rows),
        "max_difference_to_alone": difference,
        "label_changes_to_alone": int((alone.argmax(1) != together.argmax(1)).sum()),
    }
    return _run(runner, signal, rhythm, used, name), facts


def _run(runner: Runner, signal: Floats, rhythm: Floats, batch: int, name: str) -> Floats:
    starts = range(0, len(signal), batch)
    progress = tqdm(starts, desc=name, unit="batch", mininterval=0.5, disable=len(starts) < 2)
    return np.concatenate([runner(signal[i : i + batch], rhythm[i : i + batch]) for i in progress])
