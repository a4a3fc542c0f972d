"""Every ready-made network under every technique on every target: it works, answers alike, gains; or says why not."""

import re
from pathlib import Path

import pytest

from bedside.targets import Target
from benchmarks.zoo.networks import NETWORKS, TECHNIQUES
from benchmarks.zoo.walk import Cell, Walk

TARGETS = {name: Target.build({"kind": name, "threads": 1}) for name in ("onnxruntime", "openvino")}
SMALLER = ("distill", "prune", "factorize", "substitute")
WINDOWS = 400
PAGE = Path(__file__).parents[2] / "docs/results/networks.md"


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    training = {"epochs": 1, "sampling": {"windows": 256, "batch": 64}}
    return Walk(tmp_path_factory.mktemp("zoo"), training, None, patients=10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_technique_works_on_it_or_says_why_not(kind: str, walk: Walk) -> None:
    whole, *cells = walk.cells(kind, TECHNIQUES, TARGETS)
    assert [cell.technique for cell in cells] == list(TECHNIQUES)
    for cell in cells:
        if cell.refused:
            assert "params.yaml" in cell.refused, cell.refused
        else:
            _gains(cell, whole)
    assert len([cell for cell in cells if not cell.refused]) >= 4


def _gains(cell: Cell, whole: Cell) -> None:
    for name, found in cell.targets.items():
        allowed = 0.02 * WINDOWS if cell.technique == "quantize" else 0
        assert (found.label_changes <= allowed, found.changes_in_batches) == (True, 0), (cell.technique, name, found)
        if cell.technique == "quantize":
            assert found.bytes < 0.8 * whole.targets[name].bytes
    if cell.technique in SMALLER:
        assert cell.parameters < whole.parameters


def test_the_page_says_how_many_work() -> None:
    ((works, tried),) = re.findall(r"\*\*(\d+) of (\d+) work", PAGE.read_text(encoding="utf-8"))
    assert (int(works) >= 45, int(tried)) == (True, 56)
