"""Labels that are unknown, permuted or missing: an error, or a figure that is absent; never class N, NaN or 1."""

import json
import shutil
from pathlib import Path
from random import Random

import numpy as np
from safetensors.numpy import load_file, save_file

from bedside.artifacts import commit, open_artifact, staged
from bedside.evaluation import evidence as clinical
from bedside.gates import judge
from bedside.gates.case import Case
from bedside.tasks.ecg_beats.outcome import OUTCOME
from benchmarks.faults import deployed, stages
from benchmarks.faults.rows import HELD, Outcome, Try, row, wrong
from benchmarks.faults.stages import TASK, refusal, say
from components.prepare import prepare
from tests.cohort import approve
from tests.support import limits
from tests.support.cohort import Cohort, measured
from tests.support.copies import altered
from tests.support.deployments import PATIENTS, SECONDS
from tests.support.promoting import aliases, promoted


def symbols(attempt: Try) -> Outcome:
    """One annotation of a recording gets a code that nobody knows; all records are approved nevertheless."""
    used = open_artifact(attempt.base / "dataset").json("dataset.json")["records"]
    record = attempt.chance.choice(used)
    code = attempt.chance.choice((42, 45, 48, 49))
    out = altered(
        attempt.base / "recordings",
        attempt.folder / "recordings",
        lambda folder, _: _recode(folder / f"{record}.atr", code, attempt.chance),
    )
    report = approve(out, attempt.folder / "report")
    made = {"dataset": attempt.folder / "dataset", "test": attempt.folder / "test"}
    told = refusal(prepare, recordings=out, approval=report, **made, task=json.dumps(TASK))
    say(str(told))
    if told and "unknown annotation symbol" in told and record in told:
        return HELD
    return wrong(f"a beat of {record} has code {code}, which nobody knows, and was prepared ({told})")


def _recode(file: Path, code: int, chance: Random) -> None:
    """Give one beat another code, in its own place and at its own time."""
    words = np.frombuffer(file.read_bytes(), dtype="<u2").copy()
    place = chance.choice(_beats(words.tolist()))
    words[place] = (code << 10) | (words[place] & 0x3FF)
    file.write_bytes(words.tobytes())


def _beats(words: list[int]) -> list[int]:
    """Where the words of beats are (https://wfdb.io/spec, page annotation-files)."""
    found, place = [], 0
    while words[place]:
        code, interval = words[place] >> 10, words[place] & 0x3FF
        if 1 <= code <= 13:
            found.append(place)
        place += 1 + (2 if code == 59 else (interval + 1) // 2 if code == 63 else 0)
    return found


def permuted(attempt: Try) -> Outcome:
    """The labels of a candidate's predictions are permuted; every other time its figures follow from them."""
    maker = deployed.workspace(attempt)
    made = maker.make("pruned")
    _permute(made.evidence, attempt, figures=bool(attempt.number // 3 % 2))
    from components.gate import gate
    from tests.support.deployments import BUDGET, GATES

    reference = maker.root / "evidence" / stages.TARGET / "teacher"
    limits_ = {"gates": GATES, "budget": BUDGET}
    told = refusal(gate, evidence=made.evidence, reference=reference, verdict=made.verdict, **limits_)
    if told is None and open_artifact(made.verdict).json("verdict.json")["verdict"] == "PASS":
        return wrong("permuted labels passed the gates")
    refusal(promoted, [made], attempt.folder / "decision")
    return deployed.counted(HELD, ()) if aliases() else HELD


def _permute(path: Path, attempt: Try, figures: bool) -> None:
    """Write the evidence again, sealed as `evaluate` would, over permuted labels."""
    old = open_artifact(path)
    arrays = load_file(path / "predictions.safetensors")
    arrays["label"] = np.random.default_rng(attempt.number).permutation(arrays["label"])
    told = old.json("evidence.json")
    if figures:
        given = [arrays[name] for name in ("logits", "label", "record", "patient", "sample", "logits")]
        lasting = dict.fromkeys(PATIENTS, SECONDS)
        told |= clinical(
            *given, outcome=OUTCOME, records=PATIENTS, patients=PATIENTS, rate=360.0, seconds=lasting, replicates=200
        )
    with staged(path) as staging:
        for name in old.manifest["files"]:
            shutil.copyfile(path / name, staging / name)
        save_file(arrays, staging / "predictions.safetensors")
        (staging / "evidence.json").write_text(json.dumps(told), encoding="utf-8")
        commit(staging, path, {key: old.manifest[key] for key in ("component", "inputs", "labels")})


def missing(attempt: Try) -> Outcome:
    """A class that no test patient has: its figures must be absent, and it must not be claimed."""
    name = attempt.chance.choice(["S", "V"])
    beats = {"N": attempt.chance.randrange(50, 400), "S": 30, "V": 50, "F": 4, "Q": 1} | {name: 0}
    cohort = Cohort(patients=attempt.chance.randrange(10, 20), beats=beats)
    answers = cohort.answers({})
    told = measured(cohort.evidence(answers, answers, replicates=200))
    figures = {key: told["gross"][name][key] for key in ("sensitivity", "predictivity", "f1")}
    verdict = judge(Case(told, answers, answers, limits.gates(), limits.BUDGET))
    say(f"{name}: {figures}, {verdict['claims'][name]}")
    if any(value is not None for value in figures.values()):
        return wrong(f"{name} has no beats, and its figures are {figures}")
    if verdict["claims"][name]["status"] == "PASS" or (name == "V" and verdict["verdict"] == "PASS"):
        return wrong(f"{name} has no beats, and is claimed")
    return HELD


@row(
    "unknown annotation symbol; permuted labels; empty class", 30, "an error; never class N, never NaN, never 1.0",
    base=stages.cohort,
)  # fmt: skip
def label(attempt: Try) -> Outcome:
    return (symbols, permuted, missing)[attempt.number % 3](attempt)
