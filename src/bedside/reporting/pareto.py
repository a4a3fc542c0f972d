"""The trade: sensitivity of the worst claimed class against what it costs."""

from collections.abc import Sequence
from io import BytesIO

from bedside.summary import Summary

COSTS = (("latency.p99_ms", 1.0, "p99 latency, batch 1 (ms)"), ("size_bytes", 1e-3, "size (kB)"))
MARKERS, GREY = "osD^vP", "#555555"
CROWDED = 12  # points; with more, only those are named that a reader would choose among, and the yardstick
COLORS = {"PASS": "#1a7f4b", "FAIL": "#c4362b", "INSUFFICIENT EVIDENCE": "#b07d12"}


def draw(summaries: Sequence[Summary]) -> bytes:
    """A PNG with two panels; shape is the target, colour the verdict, the circled ones nothing beats."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for index, (path, scale, label) in enumerate(COSTS):
        axes = figure.add_subplot(1, 2, index + 1)
        _panel(axes, _points(summaries, path, scale), label)
        axes.set_ylabel("sensitivity of the worst claimed class" if index == 0 else "")
    _legend(figure, summaries)
    if any(summary.is_simulated for summary in summaries):
        figure.suptitle("simulated cohort", color=COLORS["FAIL"])
    png = BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def front(points: Sequence[tuple[float, float]]) -> set[int]:
    """Indices of the points (cost, sensitivity) that no other point beats in both."""
    return {
        i
        for i, (cost, share) in enumerate(points)
        if not any(c <= cost and s >= share and (c, s) != (cost, share) for c, s in points)
    }


def _points(summaries: Sequence[Summary], path: str, scale: float) -> list[tuple[Summary, float, float]]:
    found = [(s, s.figure(path), s.worst_sensitivity) for s in summaries]
    return [(s, cost * scale, share) for s, cost, share in found if cost is not None and share is not None]


def _panel(axes: "object", points: list[tuple[Summary, float, float]], label: str) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    targets = sorted({summary.target for summary, _, _ in points})
    passing = [index for index, (summary, _, _) in enumerate(points) if summary.passes]
    best = {passing[index] for index in front([points[i][1:] for i in passing])}
    worth_naming = {i for i, (summary, _, _) in enumerate(points) if i in best or not summary.is_compressed}
    named = worth_naming if len(points) > CROWDED else range(len(points))
    for index, (summary, cost, share) in enumerate(points):
        marker, color = MARKERS[targets.index(summary.target) % len(MARKERS)], COLORS[summary.verdict["verdict"]]
        axes.scatter(cost, share, marker=marker, s=70, color=color, zorder=3)
        if index in best:
            axes.scatter(cost, share, marker="o", s=210, facecolors="none", edgecolors=color, zorder=2)
        if index not in named:
            continue
        side, angle = (7, 30) if targets.index(summary.target) % 2 == 0 else (-12, -30)
        axes.annotate(
            summary.variant,
            (cost, share),
            (4, side),
            textcoords="offset points",
            fontsize=7.5,
            rotation=angle,
            va="bottom" if side > 0 else "top",
            rotation_mode="anchor",
        )
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.grid(alpha=0.25)
    axes.margins(0.15, 0.2)


def _legend(figure: "object", summaries: Sequence[Summary]) -> None:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    assert isinstance(figure, Figure)
    targets = sorted({summary.target for summary in summaries})
    met = [name for name in COLORS if any(s.verdict["verdict"] == name for s in summaries)]
    handles = [
        *(
            Line2D([], [], ls="none", marker=MARKERS[i % len(MARKERS)], color=GREY, label=n)
            for i, n in enumerate(targets)
        ),
        *(Line2D([], [], ls="none", marker="o", color=COLORS[name], label=name) for name in met),
        Line2D([], [], ls="none", marker="o", ms=12, mfc="none", color=GREY, label="passes, and nothing beats it"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
