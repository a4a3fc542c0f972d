"""The beats that compression flipped, drawn: a reviewer sees at once whether an answer was defensible."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.evaluation.flips import harmful
from bedside.evaluation.pictures.style import BLUE, GREY, LARGE, NORMAL, SMALL, figure, save
from bedside.evaluation.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS, COLUMNS = 4, 4
FIRST = ("V", "F", "S", "N")  # the most dangerous class to lose comes first


def draw_flips(
    path: Path,
    candidate: Predictions,
    reference: Predictions,
    *,
    inputs: Mapping[str, Any],
    records: Sequence[str],
    patients: Sequence[str],
    title: str,
) -> None:
    """Up to sixteen harmful flips, spread over patients, V beats first; drawn are inputs (beats, channel, time)."""
    signals = [array for array in inputs.values() if array.ndim == 3]
    flagged = harmful(candidate, reference)
    chosen = choose(candidate, np.flatnonzero(flagged), ROWS * COLUMNS)
    rows = max(1, -(-len(chosen) // COLUMNS))
    made = figure(13, 1.2 + 2.3 * rows if chosen else 1.8, f"Harmful flips: {title}")
    if not chosen:
        made.text(
            0.5,
            0.35,
            f"None: of {candidate.scored.sum():,} beats, none that the teacher calls rightly is lost.",
            ha="center",
            va="center",
            fontsize=LARGE,
        )
        save(made, path)
        return
    panels = made.subplots(rows, COLUMNS, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, beat in zip(panels.flat, chosen, strict=False):
        for signal in signals:
            _beat(axes, np.asarray(signal[beat]))
        name = candidate.classes
        axes.set_title(
            f"truth and teacher {name[candidate.label[beat]]}, candidate {name[candidate.called[beat]]}\n"
            f"patient {patients[candidate.patient[beat]]}, record {records[candidate.record[beat]]}, "
            f"sample {candidate.sample[beat]}",
            fontsize=SMALL,
        )
    made.supxlabel(
        f"{len(chosen)} of {flagged.sum():,} beats that the teacher calls rightly and the candidate wrongly; "
        "blue: the beat, dashed: the patient's typical beat before it",
        fontsize=NORMAL,
    )
    save(made, path)


def choose(of: Predictions, beats: Any, most: int) -> list[int]:
    """At most `most` of `beats`: a row for each class in the order of danger, then again; patients take turns."""
    rank = {of.classes.index(name): place for place, name in enumerate(FIRST) if name in of.classes}
    seen: dict[tuple[int, int], int] = {}
    turns: dict[int, list[tuple[int, int, int]]] = {}
    for beat in np.asarray(beats).tolist():
        label, patient = int(of.label[beat]), int(of.patient[beat])
        turns.setdefault(label, []).append((seen.setdefault((label, patient), 0), patient, beat))
        seen[label, patient] += 1
    order = [
        (place // COLUMNS, rank.get(label, len(rank)), place, beat)
        for label, own in turns.items()
        for place, (*_, beat) in enumerate(sorted(own))
    ]
    return [beat for *_, beat in sorted(order)[:most]]


def _beat(axes: "Axes", window: Any) -> None:
    time = np.arange(window.shape[-1])
    if len(window) > 1:
        axes.plot(time, window[0] - window[1], "--", color=GREY, linewidth=1.4)
    axes.plot(time, window[0], color=BLUE, linewidth=1.8)
