"""Colours that most colour-blind people tell apart (Okabe and Ito, 2008), and figures without global state."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#777777"
CLASS_COLOURS = (BLUE, GREEN, VERMILION, PURPLE, ORANGE, GREY)
SMALL, NORMAL, LARGE = 9, 11, 14


def figure(width: float, height: float, title: str) -> "Figure":
    """An empty figure of that size in inches, with a title."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    made.suptitle(title, fontsize=LARGE, fontweight="bold")
    return made


def plain(axes: "Axes", title: str) -> None:
    """A panel without the box around it."""
    axes.set_title(title, fontsize=NORMAL)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL)


def save(made: "Figure", path: Path) -> None:
    """Write the picture; the same figure gives the same bytes."""
    made.savefig(path, dpi=120, metadata={"Software": None})
