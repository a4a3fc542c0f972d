"""The scorecard counts what was tried, says how to try it again, and does not hide what did not hold."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.faults.page import page, repeats, summary
from benchmarks.faults.rows import HELD, Outcome, Row, Try, corrupt, lost, tenth, wrong
from benchmarks.faults.runner import Result, run
from benchmarks.faults.table import ROWS

ROOT = Path(__file__).parents[3]


def drawn(attempt: Try) -> Outcome:
    return wrong(str(attempt.chance.random()))


def of_all_kinds(attempt: Try) -> Outcome:
    (attempt.folder / "trace").write_text(attempt.base.joinpath("made").read_text())
    if attempt.number == 1:
        raise ZeroDivisionError("a traceback")
    if attempt.number == 2:
        os.kill(os.getpid(), 9)
    if attempt.number == 3:
        time.sleep(60)
    ends = {
        4: lost("gone"),
        5: corrupt("other bytes"),
        6: Outcome("late"),
        7: Outcome("wrong", "led astray", ungated=1),
    }
    return ends.get(attempt.number, HELD)


def made(folder: Path) -> None:
    (folder / "made").write_text("once")


EVERYTHING = Row("of all kinds", 8, "nothing of it", of_all_kinds, base=made, limit=3)


@pytest.fixture
def tried(tmp_path: Path) -> Result:
    (result,) = run([(EVERYTHING, range(8))], tmp_path / "work", 2, warm=())
    return result


def test_whatever_a_try_does_is_its_outcome_and_no_other_ones(tried: Result, tmp_path: Path) -> None:
    kinds = {number: outcome.kind for number, outcome in tried.outcomes.items()}
    assert kinds == {0: "held", 1: "wrong", 2: "wrong", 3: "wrong", 4: "lost", 5: "corrupt", 6: "late", 7: "wrong"}
    told = {number: outcome.told for number, outcome in tried.outcomes.items()}
    assert (told[1], told[3]) == ("ZeroDivisionError: a traceback", "not done in time")
    assert "no answer" in told[2]
    assert (tried.tried, tried.ungated, tried.failed) == (7, 1, True)
    kept = {int(folder.name) for folder in (tmp_path / "work/of-all-kinds").iterdir()}
    assert kept == {1, 2, 3, 4, 5, 7}  # what held leaves nothing behind


def test_the_page_counts_and_says_how_to_try_again_what_did_not_hold(tried: Result) -> None:
    text = page([tried], "python -m benchmarks.faults")
    assert "| of all kinds | 7 | 1 | 1 | 4 | nothing of it |" in text
    assert "Ungated aliases: 1 (must be 0)." in text
    assert '- lost: `python -m benchmarks.faults --row "of all kinds" --only 4`: gone' in text
    assert len(list(repeats([tried]))) == 6
    assert "of all kinds" in summary([tried])
    assert "Everything held." in page([Result(EVERYTHING, {0: HELD})], "python -m benchmarks.faults")


def test_a_try_is_the_same_fault_whenever_it_is_tried(tmp_path: Path) -> None:
    row = Row("drawn", 3, "", drawn)
    one, other = (run([(row, numbers)], tmp_path / "work", 1, warm=())[0] for numbers in ([0, 1, 2], [1]))
    assert one.outcomes[1] == other.outcomes[1]
    assert len({outcome.told for outcome in one.outcomes.values()}) == 3


def test_the_rows_are_many_enough_and_a_tenth_is_a_tenth() -> None:
    tried = [row for row in ROWS.values() if not row.not_built]
    assert sum(row.tries for row in tried) >= 1500
    for row in tried:
        assert len(set(tenth(row))) == -(-row.tries // 10)
        assert set(tenth(row)) <= set(range(row.tries))


def test_a_row_that_does_not_exist_is_refused_with_the_way_to_see_all() -> None:
    command = [sys.executable, "-m", "benchmarks.faults", "--row", "meteorite"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no row meteorite; --list shows them" in done.stderr
