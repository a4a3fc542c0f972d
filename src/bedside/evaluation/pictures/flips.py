"""The windows that compression flipped, drawn: a reviewer sees at once whether an answer was defensible."""

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
    """Up to sixteen harmful flips, over patients, the gravest first; drawn are inputs (window, channel, time)."""
    signals = [array for array in inputs.values() if array.ndim == 3]
    flagged, unit, subject = harmful(candidate, reference), candidate.outcome.unit, candidate.outcome.subject.one
    chosen = choose(candidate, np.flatnonzero(flagged), ROWS * COLUMNS)
    rows = max(1, -(-len(chosen) // COLUMNS))
    made = figure(13, 1.2 + 2.3 * rows if chosen else 1.8, f"Harmful flips: {title}")
    if not chosen:
        made.text(
            0.5,
            0.35,
            f"None: of {candidate.scored.sum():,} {unit.many}, none that the teacher calls rightly is lost.",
            ha="center",
            va="center",
            fontsize=LARGE,
        )
        save(made, path)
        return
    panels = made.subplots(rows, COLUMNS, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, row in zip(panels.flat, chosen, strict=False):
        for signal in signals:
            _window(axes, np.asarray(signal[row]))
        name = candidate.classes
        axes.set_title(
            f"truth and teacher {name[candidate.label[row]]}, candidate {name[candidate.called[row]]}\n"
            f"{subject} {patients[candidate.patient[row]]}, record {records[candidate.record[row]]}, "
            f"sample {candidate.sample[row]}",
            fontsize=SMALL,
        )
    made.supxlabel(
        f"{len(chosen)} of {flagged.sum():,} {unit.many} that the teacher calls rightly and the candidate wrongly; "
        f"blue: the {unit.one}, dashed: the {subject}'s typical {unit.one} before it",
        fontsize=NORMAL,
    )
    save(made, path)


def choose(of: Predictions, windows: Any, most: int) -> list[int]:
    """At most `most` of `windows`: a row for each class in the order of gravity, then again; patients take turns."""
    rank = {of.outcome.index(name): place for place, name in enumerate(of.outcome.by_gravity())}
    seen: dict[tuple[int, int], int] = {}
    turns: dict[int, list[tuple[int, int, int]]] = {}
    for window in np.asarray(windows).tolist():
        label, patient = int(of.label[window]), int(of.patient[window])
        turns.setdefault(label, []).append((seen.setdefault((label, patient), 0), patient, window))
        seen[label, patient] += 1
    order = [
        (place // COLUMNS, rank[label], place, window)
        for label, own in turns.items()
        for place, (*_, window) in enumerate(sorted(own))
    ]
    return [window for *_, window in sorted(order)[:most]]


def _window(axes: "Axes", window: Any) -> None:
    time = np.arange(window.shape[-1])
    if len(window) > 1:
        axes.plot(time, window[0] - window[1], "--", color=GREY, linewidth=1.4)
    axes.plot(time, window[0], color=BLUE, linewidth=1.8)
