"""Promotions that are killed between their states or race for one alias, and good and bad ones that nobody disturbs."""

import json
import time
from pathlib import Path

from bedside.registry.log import PromotionLog
from benchmarks.faults import deployed
from benchmarks.faults.deployed import counted, graphs
from benchmarks.faults.forks import Process, ended, forked, last_line
from benchmarks.faults.rows import HELD, Outcome, Try, corrupt, lost, row, wrong
from benchmarks.faults.stages import refusal
from components.promote import promote
from tests.support.deployments import Deployed
from tests.support.promoting import MODEL, aliases, promoted, registry

STATES = ("REQUESTED", "GATES_PASSED", "SIGNED", "DECIDED", "ALIASED", "CONFIRMED")


def run(made: Deployed, decision: Path) -> None:
    """The stage by its command line."""
    promote.main(deployed.command(made, decision))


@row("kill between promotion states", 60, "alias old or new, never absent; one audit entry", limit=300)
def kill(attempt: Try) -> Outcome:
    """Killed up to 0.2 s after one of its states was written; then the same promotion again."""
    maker = deployed.workspace(attempt)
    first, second = deployed.champion(maker), maker.make("pruned", p99_ms=2.0)
    good, log = graphs(first, second), attempt.folder / "stage.log"
    before, state = len(PromotionLog().read()), attempt.number % len(STATES)
    process = forked(run, second, attempt.folder / "second", log=log)
    if not killed_after(process, before + state, attempt.chance.uniform(0, 0.2)):
        return Outcome("late", "the promotion was done")
    found = aliases()
    if set(found) != {"champion", "challenger"} or not set(found.values()) <= {"1", "2"}:
        return counted(lost(f"after the kill the aliases were {found}"), good)
    if ended(run, second, attempt.folder / "second", log=log):
        return counted(lost(f"the promotion does not go on: {last_line(log)}"), good)
    return counted(_settled(), good)


def killed_after(process: Process, entries: int, after: float) -> bool:
    """Kill so many seconds after the log has so many entries; False where the process had ended before."""
    while process.exitcode is None and len(PromotionLog().read()) < entries:
        time.sleep(0.002)
    process.join(after)
    if process.exitcode is not None:
        return False
    process.kill()
    process.join()
    return True


def _settled() -> Outcome:
    """One promotion each, in the registry and in the log."""
    states = [entry["state"] for entry in PromotionLog().verify()]
    if aliases() != {"champion": "2", "challenger": "2"}:
        return lost(f"the aliases ended at {aliases()}")
    if len(registry().search_model_versions(f"name = '{MODEL}'")) != 2:
        return corrupt("the second promotion made more than one version")
    if any(states.count(state) != 2 for state in STATES):
        return corrupt(f"the log does not tell of two promotions: {', '.join(states)}")
    return HELD


@row("8 promoters race for one alias", 50, "the best gated version wins 50 of 50", limit=300)
def race(attempt: Try) -> Outcome:
    """Seven good ones and the fastest of all, which its gates stop, started at the same time in any order."""
    maker = deployed.workspace(attempt)
    good = [maker.make(f"v{number}", p99_ms=1.0 + number) for number in range(7)]
    racing = [*good, maker.make("fastest", missed=0.2, p99_ms=0.1)]
    attempt.chance.shuffle(racing)
    logs = [attempt.folder / f"{number}.log" for number in range(len(racing))]
    runs = [forked(run, each, attempt.folder / f"decision-{n}", log=logs[n]) for n, each in enumerate(racing)]
    for process in runs:
        process.join()
    failed = [last_line(logs[number]) for number, process in enumerate(runs) if process.exitcode]
    return counted(wrong(f"{len(failed)} promoters failed: {failed[0]}") if failed else _won(), graphs(*good))


def _won() -> Outcome:
    version = registry().get_model_version_by_alias(MODEL, "challenger")
    if version.tags["variant"] != "v0":
        return wrong(f"{version.tags['variant']} won, not v0")
    confirmed = [entry for entry in PromotionLog().verify() if entry["state"] == "CONFIRMED"]
    return HELD if len(confirmed) == 7 else lost(f"{len(confirmed)} of 7 good promotions are confirmed")


@row("good promotion", 20, "20 of 20 promoted: a gate that refuses everything would hold everywhere else")
def good(attempt: Try) -> Outcome:
    """Good in different ways, beside a champion every other time."""
    maker = deployed.workspace(attempt)
    known = [deployed.champion(maker)] if attempt.number % 2 else []
    missed, size = attempt.chance.choice([0.0, 0.0, 0.005]), attempt.chance.randrange(50_000, 5_000_000)
    made = maker.make("good", missed=missed, p99_ms=attempt.chance.uniform(0.1, 4.0), size=size)
    told = refusal(promoted, [made], attempt.folder / "decision")
    if aliases().get("champion") != str(len(known) + 1):
        return counted(wrong(f"it was refused: {told or _reason(attempt.folder)}"), graphs(made, *known))
    return counted(Outcome("held", promoted=1), graphs(made, *known))


@row("bad promotion", 20, "20 of 20 refused")
def bad(attempt: Try) -> Outcome:
    """Misses too many beats, is too slow or too large, and faster than the champion where it is not too slow."""
    maker = deployed.workspace(attempt)
    known = deployed.champion(maker)
    ways = ({"missed": attempt.chance.uniform(0.1, 0.9)}, {"p99_ms": 30.0}, {"size": 12_000_000})
    told = refusal(promoted, [maker.make("bad", **({"p99_ms": 0.5} | ways[attempt.number % 3]))], Path("decision"))
    if told is not None or aliases() != {"champion": "1", "challenger": "1"}:
        return counted(wrong(f"the aliases are {aliases()} ({told})"), graphs(known))
    return HELD


def _reason(folder: Path) -> str:
    decision = json.loads((folder / "decision/decision.json").read_text(encoding="utf-8"))
    return str(decision["refused"] or decision["champion"])
