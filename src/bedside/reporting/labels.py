"""Names beside the points of a picture: none covers another or a point, none leaves the panel."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

Point = tuple[float, float]

FONT, GREY = 8.0, "#777777"
GAP = 1.5  # points between two names
MARKER = 5.0  # points from a marker's middle to where a name may begin
RINGS = (10, 18, 28, 40, 54, 70, 88, 108, 130)  # points between a point and its name, nearest first
DIRECTIONS = 16


def place(axes: "Axes", names: Mapping[str, Point], points: Sequence[Point]) -> None:
    """Write each name near its point (x, y), in the nearest free place; one that has no room is left out.

    `points` are all markers of the panel. The limits and scales of `axes` must be final.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # a layout that is not made yet would move the panel under the names
    pixels = figure.dpi / 72
    taken = [_box(*_pixel(axes, point), 2 * MARKER * pixels, 2 * MARKER * pixels) for point in points]
    for name, point in names.items():
        (x, y), (width, height) = _pixel(axes, point), _size(axes, name)
        for right, up in _offsets(width / pixels, height / pixels):
            box = _box(x + right * pixels, y + up * pixels, width, height)
            if _inside(box, axes.get_window_extent()) and not box.count_overlaps(taken):
                _write(axes, name, point, (right, up))
                taken.append(box.padded(GAP * pixels))
                break


def _offsets(width: float, height: float) -> Iterator[Point]:
    """Middles of a name around its point, in points (1/72 inch): ring by ring, to the upper right first."""
    turns = sorted(range(DIRECTIONS), key=lambda turn: abs(turn - 2))
    for ring in RINGS:
        for turn in turns:
            angle = 2 * math.pi * turn / DIRECTIONS
            yield (ring + width / 2) * math.cos(angle), (ring + height / 2) * math.sin(angle)


def _write(axes: "Axes", name: str, point: Point, offset: Point) -> None:
    note = axes.annotate(
        name,
        point,
        offset,
        textcoords="offset points",
        fontsize=FONT,
        ha="center",
        va="center",
        arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.5, "shrinkA": 0, "shrinkB": MARKER},
        zorder=1,
    )
    note.set_in_layout(False)


def _pixel(axes: "Axes", point: Point) -> Point:
    x, y = axes.transData.transform(point)
    return float(x), float(y)


def _size(axes: "Axes", name: str) -> Point:
    """Width and height of a name, in pixels."""
    probe = axes.text(0, 0, name, fontsize=FONT, transform=axes.transAxes)
    box = probe.get_window_extent()
    probe.remove()
    return box.width, box.height


def _box(x: float, y: float, width: float, height: float) -> "Bbox":
    from matplotlib.transforms import Bbox

    return Bbox.from_bounds(x - width / 2, y - height / 2, width, height)


def _inside(box: "Bbox", panel: "Bbox") -> bool:
    return bool(panel.x0 <= box.x0 and box.x1 <= panel.x1 and panel.y0 <= box.y0 and box.y1 <= panel.y1)
