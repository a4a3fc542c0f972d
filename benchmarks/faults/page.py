"""The scorecard: one line per row, and how to try again whatever did not hold."""

import datetime
import os
import subprocess
from collections.abc import Iterator, Sequence

from bedside.measurement.environment import environment
from benchmarks.faults.rows import BROKEN
from benchmarks.faults.runner import Result

COLUMNS = ("fault", "tried", "lost", "corrupt", "wrong", "expected", "seconds")
LEGEND = (
    "Tried: faults that were injected; one that came after the work was done does not count. Lost: work or records are "
    "gone. Corrupt: something visible is damaged, or differs from an undisturbed run. Wrong: a bad thing was accepted, "
    "a good one refused, or a refusal was a traceback. Ungated aliases: registry aliases that lead to a graph that no "
    "gate let through, counted after each try that touches a registry. Seconds are of work, over all processes."
)
HOW = (
    "Processes that are killed are forked from one that has done its imports, so that a kill falls into the work and "
    "not into the start of Python; the signal, the files, the databases and the servers are real. Full disks are small "
    "tmpfs mounts, workers out of memory are killed by the kernel in a memory cgroup, clocks are moved under a real "
    "process by a preloaded C library, and networks are taken away with a network namespace; where a machine does not "
    "permit one of these, the page says what stood in."
)


def summary(results: Sequence[Result]) -> str:
    """What a terminal shows at the end."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*COLUMNS[:5], "seconds")
    for result in results:
        table.add_row(*cells(result)[:5], f"{result.seconds:.0f}", style="red" if result.failed else None)
    table.add_row("all", *map(str, totals(results)), f"{sum(r.seconds for r in results):.0f}", style="bold")
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    return captured.get() + "\n".join([*counted(results), *repeats(results)])


def cells(result: Result) -> list[str]:
    """The line of a row."""
    if result.row.not_built:
        return [result.row.name, "not built", "-", "-", "-", f"{result.row.expected} ({result.row.not_built})", "-"]
    counts = [str(result.count(kind)) for kind in BROKEN]
    return [result.row.name, str(result.tried), *counts, result.row.expected, f"{result.seconds:.0f}"]


def totals(results: Sequence[Result]) -> list[int]:
    """Tried, lost, corrupt, wrong over all rows."""
    return [sum(each.tried for each in results), *(sum(each.count(kind) for each in results) for kind in BROKEN)]


def counted(results: Sequence[Result]) -> Iterator[str]:
    """What is counted over rows."""
    yield f"Ungated aliases: {sum(result.ungated for result in results)} (must be 0)."
    good = [result for result in results if "good" in result.row.name and "promotion" in result.row.name]
    for result in good:
        yield f"Good ones promoted: {result.promoted} of {result.tried}."


def repeats(results: Sequence[Result]) -> Iterator[str]:
    """How to try again what did not hold."""
    for result in results:
        for number, outcome in sorted(result.outcomes.items()):
            if outcome.kind in BROKEN:
                told = " ".join(outcome.told.split())[:240]
                yield f'{outcome.kind}: `python -m benchmarks.faults --row "{result.row.name}" --only {number}`: {told}'


def page(results: Sequence[Result], command: str) -> str:
    """The page in docs/results."""
    table = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    table += [f"| {' | '.join(cells(result))} |" for result in results]
    table.append(f"| **all** | {' | '.join(map(str, totals(results)))} | | {sum(r.seconds for r in results):.0f} |")
    around = environment()
    where = f"{around['cpu']}, {len(os.sched_getaffinity(0))} cores, {datetime.date.today():%Y-%m-%d}"
    head = ["# What faults do", f"Written by `{command}` at commit {_commit()} on {where}."]
    broken = [f"- {line}" for line in repeats(results)]
    rest = ["## What did not hold", "\n".join(broken)] if broken else ["Everything held."]
    return "\n\n".join([*head, "\n".join(table), "  \n".join(counted(results)), LEGEND, HOW, *rest]) + "\n"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip() or "unknown"
