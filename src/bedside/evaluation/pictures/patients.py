"""Sensitivity of every patient, teacher against candidate: an average hides the one who got worse."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bedside.evaluation import counts
from bedside.evaluation.pictures.style import BLUE, GREY, NORMAL, SMALL, VERMILION, figure, plain, save
from bedside.evaluation.predictions import Floats, Ints, Predictions
from bedside.outcome import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FALL, LEAST = 0.02, 5  # a smaller fall, or one among fewer units, is not marked


def draw_patients(
    path: Path, candidate: Predictions, reference: Predictions, *, patients: Sequence[str], title: str
) -> None:
    """One panel per class, patients sorted by the candidate's sensitivity; the five that fell most are marked."""
    outcome = candidate.outcome
    shown = [name for name in outcome.by_gravity() if name in outcome.watched]
    tables = [counts.tables(of, of.patient, len(patients)) for of in (candidate, reference)]
    rows = max(int((counts.sensitivity(tables[0], outcome, name)[1] > 0).sum()) for name in shown)
    made = figure(6.2 * len(shown), max(3.5, 1.8 + 0.26 * rows), f"Sensitivity per {outcome.subject.one}: {title}")
    for axes, name in zip(np.atleast_1d(made.subplots(1, len(shown))), shown, strict=True):
        hits, events = counts.sensitivity(tables[0], outcome, name)
        before, _ = counts.sensitivity(tables[1], outcome, name)
        _panel(axes, counts.ratio(hits, events), counts.ratio(before, events), events, list(patients), outcome)
        plain(axes, f"{name} {outcome.unit.many}")
    save(made, path)


def _panel(axes: "Axes", now: Floats, before: Floats, events: Ints, patients: list[str], outcome: Outcome) -> None:  # noqa: PLR0917  (what one panel shows)
    subject, unit = outcome.subject.one, outcome.unit.many
    order = [int(i) for i in np.lexsort((before, now)) if events[i] > 0]
    if not order:
        axes.text(0.5, 0.5, f"no {subject} has such {unit}", ha="center", va="center", fontsize=NORMAL)
        return
    steep = [i for i in order if before[i] - now[i] > FALL and events[i] >= LEAST]
    fallen = sorted(steep, key=lambda i: now[i] - before[i])[:5]
    height = np.arange(len(order))
    colours = [VERMILION if i in fallen else BLUE for i in order]
    axes.hlines(height, now[order], before[order], colors=colours, linewidth=2, alpha=0.6)
    axes.scatter(before[order], height, s=52, facecolors="white", edgecolors=GREY, linewidths=1.5, label="teacher")
    axes.scatter(now[order], height, s=26, c=colours, zorder=3)
    for colour, label in ((BLUE, "candidate"), (VERMILION, "candidate, among the five that fell most")):
        axes.scatter([], [], s=26, color=colour, label=label)
    for row, i in enumerate(order):
        if i in fallen:
            note = f"{100 * (now[i] - before[i]):+.1f} points"
            left = now[i] > 0.6
            place: dict[str, Any] = {"xytext": (-8 if left else 8, 0), "ha": "right" if left else "left"}
            at = (min(now[i], before[i]) if left else max(now[i], before[i]), row)
            axes.annotate(note, at, textcoords="offset points", va="center", fontsize=SMALL, color=VERMILION, **place)
    axes.set_yticks(height, [f"{patients[i]}  ({events[i]:,})" for i in order])
    axes.set_ylabel(f"{subject} ({unit} of the class)", fontsize=NORMAL)
    axes.set_xlabel("sensitivity", fontsize=NORMAL)
    axes.set_xlim(-0.03, 1.03)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, fontsize=SMALL, frameon=False)
