"""What was called what: the table of the candidate beside the reference's."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bedside.evaluation import counts
from bedside.evaluation.pictures.style import NORMAL, SMALL, figure, save
from bedside.evaluation.predictions import Ints, Predictions
from bedside.outcome import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_confusion(path: Path, candidate: Predictions, reference: Predictions, *, title: str) -> None:
    """Reference classes in rows (unscored last), answers in columns; shares of the row in colour, counts in numbers."""
    made = figure(11, 5, f"{candidate.outcome.unit.one.capitalize()} tables: {title}")
    panels = made.subplots(1, 2)
    for axes, of, name in zip(panels, (candidate, reference), (title, "teacher"), strict=True):
        _table(axes, counts.tables(of, np.zeros_like(of.record), 1)[0], of.outcome, name)
    save(made, path)


def _table(axes: "Axes", table: Ints, outcome: Outcome, name: str) -> None:
    shares = np.nan_to_num(counts.ratio(table, table.sum(1, keepdims=True)))
    shown = shares.copy()
    shown[-1] = np.nan  # reported, not scored: no colour
    axes.imshow(shown, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(table):
        if table[row].sum():
            text = f"{count:,}\n{100 * shares[row, column]:.1f}%"
            axes.text(
                column, row, text, ha="center", va="center", fontsize=SMALL, color=_ink(float(shown[row, column]))
            )
    classes = outcome.classes
    axes.set_xticks(range(len(classes)), [f"called {c}" for c in classes], fontsize=SMALL)
    axes.set_yticks(range(len(classes) + 1), [*classes, f"{outcome.unscored.name}\n(not scored)"], fontsize=SMALL)
    axes.set_ylabel("reference", fontsize=NORMAL)
    axes.set_title(name, fontsize=NORMAL)


def _ink(share: float) -> str:
    return "white" if share > 0.55 else "black"
