"""Real faults on the real code: what was tried, and what was lost, corrupt or wrong afterwards.

    python -m benchmarks.faults                                      # all, into docs/results/faults.md
    python -m benchmarks.faults --tenth                              # a tenth of each row, in minutes
    python -m benchmarks.faults --row "kill mid-training" --only 17  # one try, again

Every fault is a function of its row and its number. A fault that came after the work was done is not counted as tried.
Exit status 1 where anything was lost, corrupt or wrong, or a good deployment was refused.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.faults.page import page, summary
from benchmarks.faults.rows import Row, tenth
from benchmarks.faults.runner import run
from benchmarks.faults.table import ROWS


def main() -> None:
    """Try, write the page, say what did not hold."""
    given = _arguments()
    if given.list:
        print("\n".join(f"{each.tries:4} {each.name}" for each in ROWS.values()))
        return
    rows = [each for each in ROWS.values() if not given.row or any(name in each.name for name in given.row)]
    if not rows:
        sys.exit(f"faults: no row {' or '.join(given.row)}; --list shows them")
    results = run([(each, numbers(each, given)) for each in rows], given.work.resolve(), given.processes)
    print(summary(results))
    if given.out:
        given.out.write_text(page(results, command(given)), encoding="utf-8")
    sys.exit(any(result.failed for result in results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", action="append", help="only rows with this in their name (may be repeated)")
    parser.add_argument("--only", type=int, nargs="+", help="only tries of these numbers")
    parser.add_argument("--tenth", action="store_true", help="a tenth of each row, always the same")
    parser.add_argument("--list", action="store_true", help="show the rows")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="tries at once")
    parser.add_argument("--work", type=Path, default=Path("build/faults"), help="keeps folders of what did not hold")
    parser.add_argument("--out", type=Path, help="page to write; all rows: docs/results/faults.md")
    given = parser.parse_args()
    if given.out is None and not (given.row or given.only or given.tenth or given.list):
        given.out = Path("docs/results/faults.md")
    return given


def command(given: argparse.Namespace) -> str:
    """What somebody else would type for the same tries."""
    rows = [f'--row "{name}"' for name in given.row or ()]
    only = [f"--only {' '.join(map(str, given.only))}"] if given.only else []
    return " ".join(["python -m benchmarks.faults", *rows, *only, *(["--tenth"] if given.tenth else [])])


def numbers(of: Row, given: argparse.Namespace) -> Sequence[int]:
    """Which tries of a row are asked for."""
    if of.not_built:
        return []
    chosen = tenth(of) if given.tenth else range(of.tries)
    return [number for number in (given.only or chosen) if number < of.tries]


if __name__ == "__main__":
    main()
