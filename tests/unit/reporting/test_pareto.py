"""The picture of the trade: which points are named, and that every name can be read."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from bedside.artifacts import open_artifact
from bedside.reporting.labels import place
from bedside.reporting.pareto import draw, picture
from bedside.summary import Summary
from tests.support.deployments import Maker

TARGETS = ("onnxruntime-cpu", "openvino-cpu")


@pytest.fixture
def summaries(tmp_path: Path) -> list[Summary]:
    """Fourteen variants on two targets, most of them in two heaps; one variant fails."""
    maker = Maker(tmp_path)
    made = []
    for target in TARGETS:
        for index in range(14):
            variant = "teacher" if index == 0 else f"variant-number-{index}"
            cost = 12.0 if index == 0 else 1.0 if index < 7 else 1.5
            deployed = maker.make(variant, target, missed=0.2 * (index == 13), p99_ms=cost, size=int(cost * 1e5))
            found, verdict = open_artifact(deployed.evidence), open_artifact(deployed.verdict)
            made.append(Summary(found.json("evidence.json"), verdict.json("verdict.json"), found.labels))
    return made


def names(figure: Figure) -> Iterator[dict[str, Bbox]]:
    """Each panel's names with the boxes that they fill in the finished picture."""
    figure.draw_without_rendering()
    for axes in figure.axes:
        yield {text.get_text(): Text.get_window_extent(text) for text in axes.texts}  # without the line to its point


def assert_all_can_be_read(named: dict[str, Bbox], panel: Bbox) -> None:
    for one, other in combinations(named, 2):
        assert not named[one].overlaps(named[other]), (one, other)
    for name, box in named.items():
        assert panel.x0 <= box.x0 < box.x1 <= panel.x1, name
        assert panel.y0 <= box.y0 < box.y1 <= panel.y1, name


def test_no_name_covers_another_or_leaves_its_panel_however_many_points_lie_together(summaries: list[Summary]) -> None:
    figure = picture(summaries)
    for axes, named in zip(figure.axes, names(figure), strict=True):
        assert len(named) == 13
        assert_all_can_be_read(named, axes.get_window_extent())


def test_of_many_variants_those_are_named_that_pass_and_the_teacher(summaries: list[Summary]) -> None:
    passing = {f"variant-number-{index}" for index in range(1, 13)}
    for named in names(picture(summaries)):
        assert named.keys() == {"teacher", *passing}


def test_of_few_variants_all_are_named_once_for_all_targets(summaries: list[Summary]) -> None:
    few = [s for s in summaries if s.variant in ("teacher", "variant-number-1", "variant-number-13")]
    for named in names(picture(few)):
        assert sorted(named) == ["teacher", "variant-number-1", "variant-number-13"]


def test_a_name_without_room_is_left_out() -> None:
    figure = Figure(figsize=(2, 1))
    axes = figure.add_subplot()
    axes.scatter([0.5], [0.5])
    place(axes, {"as long as the whole panel and longer": (0.5, 0.5), "short": (0.5, 0.5)}, [(0.5, 0.5)])
    assert [text.get_text() for text in axes.texts] == ["short"]


def test_the_axis_names_the_class_where_only_one_is_claimed(summaries: list[Summary]) -> None:
    one = [replace(s, verdict={**s.verdict, "claims": {"V": s.verdict["claims"]["V"]}}) for s in summaries]
    assert picture(one).axes[0].get_ylabel() == "sensitivity for V, all beats pooled  (up is better)"
    assert picture(summaries).axes[0].get_ylabel().startswith("sensitivity of the worst claimed class")


def test_the_picture_is_a_png_and_the_same_every_time(summaries: list[Summary]) -> None:
    assert draw(summaries).startswith(b"\x89PNG")
    assert draw(summaries) == draw(summaries)
