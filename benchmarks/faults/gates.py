"""Gates that are malformed, reports that are half there, gate processes that die: nothing is promoted."""

import json
import shutil
from pathlib import Path
from typing import Any

from bedside.artifacts import commit, open_artifact, staged
from bedside.gates import judge
from bedside.gates.case import Case
from benchmarks.faults import deployed
from benchmarks.faults.forks import forked, struck
from benchmarks.faults.rows import HELD, Outcome, Try, row, wrong
from benchmarks.faults.stages import TARGET, refusal, say
from components.gate import gate
from tests.support import limits
from tests.support.cohort import Cohort, everyone, measured
from tests.support.deployments import BUDGET, GATES, Deployed
from tests.support.promoting import aliases, promoted


def run(made: Deployed, root: Path, gates: Any) -> None:
    """The stage by its command line; without an earlier verdict in its place."""
    shutil.rmtree(made.verdict, ignore_errors=True)
    values = {"evidence": made.evidence, "reference": root / "evidence" / TARGET / "teacher", "verdict": made.verdict}
    limits_ = {"gates": json.dumps(gates), "budget": json.dumps(BUDGET)}
    gate.main([str(part) for part in gate.argv(values | limits_)])


def malformed(attempt: Try, made: Deployed) -> str | None:
    """A number is missing, no number, inverted, or beyond what may be asked for."""
    path, value, _ = attempt.chance.choice(limits.MALFORMED)
    told = refusal(run, made, attempt.folder, limits.changed(path, value))
    return f"gates with {path} = {value!r} were taken" if told is None else None


def half(attempt: Try, made: Deployed) -> str | None:
    """The verdict's text is cut, or lacks a key, and the artifact is sealed as if it were whole."""
    text = json.dumps(json.loads((made.verdict / "verdict.json").read_text(encoding="utf-8")), indent=1)
    if attempt.number // 4 % 2:
        told = json.loads(text)
        del told[attempt.chance.choice(["verdict", "claims", "gates", "gates_digest", "graph_sha256", "deployment"])]
        text = json.dumps(told)
    else:
        text = text[: attempt.chance.randrange(1, len(text) - 2)]
    old = open_artifact(made.verdict)
    with staged(made.verdict) as staging:
        (staging / "verdict.json").write_text(text, encoding="utf-8")
        commit(staging, made.verdict, {key: old.manifest[key] for key in ("component", "inputs", "labels")})
    return None


def dies(attempt: Try, made: Deployed) -> str | None:
    """SIGKILL while it judges: before its verdict is whole and visible."""
    for longest in (0.1, 0.05, 0.02, 0.01):
        process = forked(run, made, attempt.folder, GATES, log=attempt.folder / "stage.log")
        if struck(process, attempt.chance.uniform(0.001, longest)) and not made.verdict.exists():
            return None
    return "late"


@row("malformed gates; half-written report; gate process dies", 50, "no promotion")
def judged(attempt: Try) -> Outcome:
    made = deployed.workspace(attempt).make("pruned")
    way = malformed if attempt.number % 2 else (half, dies)[attempt.number // 2 % 2]
    problem = way(attempt, made)
    if problem == "late":
        return Outcome("late", "the verdict was there")
    told = refusal(promoted, [made], attempt.folder / "decision")
    say(f"{way.__name__}: {told}")
    if problem or aliases():
        return deployed.counted(wrong(problem or f"{way.__name__}: promoted to {aliases()}"), ())
    return HELD


@row("better on average, worse on one patient", 5, "stopped by G7/G8")
def unlucky(attempt: Try) -> Outcome:
    """The teacher misses a few beats of everybody; the candidate none, but for one patient."""
    cohort = Cohort(patients=attempt.chance.randrange(12, 20))
    teacher = cohort.answers(everyone(cohort, "V", 3, "N"))
    patient, beats = attempt.chance.randrange(cohort.patients), attempt.chance.randrange(10, 20)
    candidate = cohort.answers({(patient, "V"): (beats, "N")})
    told = measured(cohort.evidence(candidate, teacher))
    verdict = judge(Case(told, candidate, teacher, limits.gates(), limits.BUDGET))
    failed = {found["id"] for found in verdict["gates"] if found["status"] == "FAIL"}
    better = candidate.right.sum() > teacher.right.sum()
    say(f"{beats} beats of patient {patient}: {verdict['reason']}")
    if not better:
        raise AssertionError("the candidate is not better on average")
    return HELD if verdict["verdict"] == "FAIL" and failed & {"G7", "G8"} else wrong(f"{verdict['verdict']}: {failed}")
