"""A tenth of the scorecard: real faults on the real code, and nothing is lost, corrupt or wrong afterwards."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.faults.table import ROWS

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page that one command writes; what did not hold is shown with the failing test."""
    folder = tmp_path_factory.mktemp("faults")
    command = [
        sys.executable,
        "-m",
        "benchmarks.faults",
        "--tenth",
        "--work",
        folder / "work",
        "--out",
        folder / "page.md",
    ]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert (folder / "page.md").exists(), done.stderr[-4000:]
    return (folder / "page.md").read_text()


@pytest.mark.parametrize("name", [row.name for row in ROWS.values() if not row.not_built])
def test_a_tenth_of_a_row_holds(card: str, name: str) -> None:
    (line,) = [line for line in card.splitlines() if line.startswith(f"| {name} |")]
    tried, lost, corrupt, wrong = (int(cell) for cell in line.split(" | ")[1:5])
    assert tried > 0, "every fault came too late"
    assert (lost, corrupt, wrong) == (0, 0, 0), [told for told in card.splitlines() if f'"{name}"' in told]


def test_every_good_one_is_promoted(card: str) -> None:
    promoted, tried = re.findall(r"Good ones promoted: (\d+) of (\d+)\.", card)[0]
    assert promoted == tried
