"""The screen at the end of a run: verdicts per target, a sentence for what did not pass, what to type next."""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.summary import Summary
from bedside.terminal import console

if TYPE_CHECKING:
    from rich.table import Table

PORT = 5000
PAGES = "http://127.0.0.1:{}/#/models"
LEFT_OUT = ("target", "p50", "peak memory")  # of the report's columns, so that a terminal is wide enough
COLORS = {"PASS": "bold green", "FAIL": "bold red"}


def show(artifacts: Path) -> bool:
    """Print it for the results under `artifacts`; whether all that `params.yaml` beside them names was judged."""
    from bedside.reporting.finished import deployments, not_judged
    from bedside.tracking import store

    params = artifacts.parent / "params.yaml"
    summaries, out = deployments(artifacts, params), console()
    for target in dict.fromkeys(summary.target for summary in summaries):
        out.print(_table(target, [summary for summary in summaries if summary.target == target]))
        print()
    missing = not_judged(summaries, params)
    for line in [
        *changed_gates(artifacts),
        *failures(summaries),
        *(f"not judged: {deployment}" for deployment in missing),
    ]:
        print(line)  # as long as it is: a terminal breaks it, and it can be searched for and pasted
    if store.uri().startswith("http"):  # into a file, `bedside ui` does it: importing MLflow takes seconds
        flushed()
    for line in _next(artifacts, summaries):
        print(line)
    return not missing


def _table(target: str, summaries: Sequence[Summary]) -> "Table":
    """One target's deployments, without the intervals."""
    from rich.table import Table
    from rich.text import Text

    from bedside.reporting.table import cells, columns, is_simulated

    patients = "simulated patients" if is_simulated(summaries) else summaries[0].source
    shown = [i for i, name in enumerate(columns(summaries)) if name not in LEFT_OUT]
    table = Table(title=f"{target}, {patients}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for position, i in enumerate(shown):
        texts = position < 2  # a variant's name and its verdict are never cut
        table.add_column(columns(summaries)[i], justify="left" if texts else "right", no_wrap=texts)
    for summary in summaries:
        told = [Text(cells(summary)[i].split(" [")[0].removesuffix(" (yardstick)")) for i in shown]
        told[1].stylize(COLORS.get(str(summary.verdict["verdict"]), "bold yellow"))
        table.add_row(*told)
    return table


def changed_gates(artifacts: Path) -> Iterator[str]:
    """A line for each target whose gates are not those that its earlier versions were judged by."""
    for file in sorted((artifacts / "decisions").glob("*/decision.json")):
        decision = json.loads(file.read_text(encoding="utf-8"))
        if changes := decision.get("changes"):
            yield f"{decision['target']}: {changes}"


def failures(summaries: Sequence[Summary]) -> Iterator[str]:
    """A line for each variant that did not pass, and one more where another target has another reason."""
    told: dict[tuple[str, str], list[str]] = {}
    for summary in summaries:
        if not summary.passes:
            told.setdefault((summary.variant, summary.briefly), []).append(summary.target)
    for (variant, briefly), targets in told.items():
        yield f"{variant} {briefly} (on {' and '.join(targets)})"
    if told:
        yield "All figures and reasons: in the report."


def _next(artifacts: Path, summaries: Sequence[Summary]) -> Iterator[str]:
    """Three commands, ready to be pasted wherever this was printed."""
    from bedside.tracking import store

    here = shlex.quote(str(artifacts.resolve().parent))
    bedside = shlex.quote(str(Path(sys.executable).parent / "bedside"))
    yield "\nNext:"
    page = artifacts / "report" / "index.html"
    if page.is_file():
        uri = page.resolve().as_uri()
        yield f"  {shlex.quote(sys.executable)} -m webbrowser {shlex.quote(uri)}"
        yield "      the report: every figure, picture and reason"
    if store.uri().startswith("http"):
        yield f"  {shlex.quote(sys.executable)} -m webbrowser {shlex.quote(store.shown())}"
        yield "      MLflow: runs, models and their reviews"
    else:
        yield f"  (cd {here} && {bedside} ui)"
        yield f"      MLflow: runs, models and their reviews, then at {PAGES.format(PORT)}"
    command, about = _decide(artifacts, summaries)
    yield f"  (cd {here} && {bedside} {command})"
    yield f"      {about}"


def _decide(artifacts: Path, summaries: Sequence[Summary]) -> tuple[str, str]:
    """The sign-off of the first model that waits for one, or what was decided so far; and what that is."""
    for target in dict.fromkeys(summary.target for summary in summaries):
        file = artifacts / "decisions" / target / "decision.json"
        found = json.loads(file.read_text(encoding="utf-8")).get("challenger") if file.is_file() else None
        if found and found.get("version"):
            command = f"approve {target} {found['version']} --reviewer 'YOUR ADDRESS' --reason 'WHAT YOU LOOKED AT'"
            variant = f" ({found['variant']})" if found.get("variant") else ""  # an earlier run's has no name here
            return command, f"your sign-off of version {found['version']}{variant}: it becomes the champion on {target}"
    return "log", "what was promoted and refused so far, and why"


def flushed() -> None:
    """Replay what is recorded into the tracking store; a store that is away is told and costs nothing."""
    from bedside import tracking

    try:
        tracking.flush(timeout=30)
    except tracking.TrackingError as error:
        print(f"tracking: {error}", file=sys.stderr)
