"""The trade: sensitivity of the worst claimed class against what it costs."""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from bedside.reporting.labels import Point, place
from bedside.reporting.table import units
from bedside.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COSTS = (
    ("latency.p99_ms", 1.0, "p99 latency of one answer, ms  (left is better)"),
    ("size_bytes", 1e-3, "file size, kB  (left is better)"),
)
MARKERS, GREY = "osD^vP", "#555555"
CROWDED = 12  # variants; of more, only those are named that a reader would choose among, and the yardstick
COLORS = {"PASS": "#1a7f4b", "FAIL": "#c4362b", "INSUFFICIENT EVIDENCE": "#b07d12"}


class Dot(NamedTuple):
    """One deployment in a panel."""

    summary: Summary
    cost: float
    share: float

    @property
    def at(self) -> Point:
        return self.cost, self.share


def draw(summaries: Sequence[Summary]) -> bytes:
    """The picture as a PNG."""
    png = BytesIO()
    picture(summaries).savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def picture(summaries: Sequence[Summary]) -> "Figure":
    """Two panels; shape is the target, colour the verdict, the circled ones are on the front."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = [(figure.add_subplot(1, 2, i + 1), _dots(summaries, *cost[:2])) for i, cost in enumerate(COSTS)]
    for (axes, dots), (_, _, label) in zip(panels, COSTS, strict=True):
        _panel(axes, dots, label)
    panels[0][0].set_ylabel(_height(summaries))
    _legend(figure, summaries)
    if any(summary.is_simulated for summary in summaries):
        figure.suptitle("simulated cohort", color=COLORS["FAIL"])
    for axes, dots in panels:  # only now: titles and legends move the panels
        place(axes, _named(dots), [dot.at for dot in dots])
    return figure


def front(points: Sequence[Point]) -> set[int]:
    """Indices of the points (cost, sensitivity) that no other point is better than in both."""
    return {
        i
        for i, (cost, share) in enumerate(points)
        if not any(c <= cost and s >= share and (c, s) != (cost, share) for c, s in points)
    }


def _dots(summaries: Sequence[Summary], path: str, scale: float) -> list[Dot]:
    found = [(s, s.figure(path), s.worst_sensitivity) for s in summaries]
    return [Dot(s, cost * scale, share) for s, cost, share in found if cost is not None and share is not None]


def _panel(axes: "Axes", dots: Sequence[Dot], label: str) -> None:
    targets = _targets(dot.summary for dot in dots)
    for dot in dots:
        marker, color = (
            MARKERS[targets.index(dot.summary.target) % len(MARKERS)],
            COLORS[dot.summary.verdict["verdict"]],
        )
        axes.scatter(*dot.at, marker=marker, s=55, color=color, alpha=0.85, linewidths=0, zorder=3)
    passing = [dot for dot in dots if dot.summary.passes]
    for index in front([dot.at for dot in passing]):
        axes.scatter(*passing[index].at, marker="o", s=190, facecolors="none", edgecolors=COLORS["PASS"], zorder=2)
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.grid(alpha=0.25)
    axes.margins(0.12, 0.2)


def _named(dots: Sequence[Dot]) -> Mapping[str, Point]:
    """The point that bears a variant's name: the cheapest of its targets; those that are hard to place come first."""
    crowded = len({dot.summary.variant for dot in dots}) > CROWDED
    worth = [dot for dot in dots if not crowded or dot.summary.passes or not dot.summary.is_compressed]
    cheapest = sorted(worth, key=lambda dot: dot.cost, reverse=True)
    return {dot.summary.variant: dot.at for dot in cheapest}


def _height(summaries: Sequence[Summary]) -> str:
    """What the vertical axis shows, with the class where it is the same for all."""
    asked = {name for summary in summaries for name in (summary.claimed or summary.required)}
    which = f"for {asked.pop()}" if len(asked) == 1 else "of the worst claimed class"
    return f"sensitivity {which}, all {units(summaries)} pooled  (up is better)"


def _targets(summaries: Iterable[Summary]) -> list[str]:
    return sorted({summary.target for summary in summaries})


def _legend(figure: "Figure", summaries: Sequence[Summary]) -> None:
    from matplotlib.lines import Line2D

    met = [name for name in COLORS if any(s.verdict["verdict"] == name for s in summaries)]
    handles = [
        *(
            Line2D([], [], ls="none", marker=MARKERS[i % len(MARKERS)], color=GREY, label=n)
            for i, n in enumerate(_targets(summaries))
        ),
        *(Line2D([], [], ls="none", marker="o", color=COLORS[name], label=name) for name in met),
        Line2D([], [], ls="none", marker="o", ms=12, mfc="none", color=GREY, label="passes, and nothing is better"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
