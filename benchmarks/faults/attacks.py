"""What somebody tries who may write into MLflow, the artifacts or params.yaml, but has no key of this workspace.

Each is a way that once led past the gates; the alias, the log and what is signed must not follow.
"""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedside import cli
from bedside.artifacts import commit, open_artifact, staged
from bedside.registry import keys
from bedside.registry.going_back import roll_back
from bedside.registry.log import PromotionLog
from bedside.registry.moving import promotion_lock
from bedside.tracking.lock import locked
from benchmarks.faults import deployed
from benchmarks.faults.deployed import counted, graphs
from benchmarks.faults.forks import forked, last_line
from benchmarks.faults.promotion import run
from benchmarks.faults.rows import HELD, Outcome, Try, row, wrong
from benchmarks.faults.spellings import SPELLINGS
from benchmarks.faults.stages import TARGET, refusal, say
from tests.support.deployments import BUDGET, GATES, Deployed, Maker, rewritten
from tests.support.promoting import MODEL, aliases, promoted, registry


def confirmed(number: str, alias: str = "champion") -> bool:
    """Whether the log says that the project itself has this version under the alias."""
    entries = [entry for entry in PromotionLog().verify() if entry["state"] in ("ALIASED", "CONFIRMED")]
    told = [entry["aliases"].get(alias) for entry in entries]
    return number in [each["version"] if isinstance(each, dict) else each for each in told]


@row("alias moved by hand, then promoted or rolled back", 12, "never confirmed, never a rollback's goal")
def moved(attempt: Try) -> Outcome:
    """Champion is put on a simulated version, or on one that nobody promoted; then a promotion (with or without a
    sign-off), or a promotion and a rollback, or a rollback.
    """
    maker = deployed.workspace(attempt)
    good = [deployed.champion(maker), deployed.champion(maker, "second", 4.0)]
    foreign = (_simulated, _registered_by_hand)[attempt.number % 2](attempt)
    registry().set_registered_model_alias(MODEL, "champion", foreign)
    way, waits = attempt.number // 2 % 3, not attempt.number // 6
    if way < 2:
        good.append(maker.make("third", p99_ms=3.0))
        say(str(refusal(promoted, [good[-1]], attempt.folder / "decision-third", sign_off=waits)))
    if way > 0:
        say(str(refusal(roll_back, TARGET, alias="champion", reason="alarm")))
    if confirmed(foreign):
        return counted(wrong(f"the log confirms version {foreign}, where somebody had put champion"), graphs(*good))
    return counted(HELD, graphs(*good))


def _simulated(attempt: Try) -> str:
    """A version made from simulated patients."""
    made = Maker(attempt.folder / "simulated", source="simulated").make("simulated", p99_ms=0.1)
    decision = promoted([made], attempt.folder / "decision-simulated")
    return str(decision["registered"][0]["version"])


def _registered_by_hand(attempt: Try) -> str:
    """A version that leads to a folder of somebody's own."""
    folder = attempt.folder / "by-hand"
    shutil.copytree(attempt.folder / "decision-first/bundles/first", folder)
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes() + b"\0")
    run_id = registry().get_model_version(MODEL, "1").run_id
    registry().log_artifacts(run_id, str(folder), "bundles/by-hand")
    version = registry().create_model_version(MODEL, f"runs:/{run_id}/bundles/by-hand", run_id)
    return str(version.version)


FILES = (("graph", "model.onnx"), ("evidence", "evidence.json"), ("verdict", "verdict.json"))


@row("file replaced between check and signature", 12, "what is signed is what was judged, or nothing is")
def exchanged(attempt: Try) -> Outcome:
    """A promotion that has checked its artifacts waits for another one; meanwhile a file is replaced."""
    maker = deployed.workspace(attempt)
    known, made = deployed.champion(maker), maker.make("pruned", p99_ms=2.0)
    worse = maker.make("worse", missed=0.3, p99_ms=1.0)
    port, name = FILES[attempt.number % len(FILES)]
    before = {file: (getattr(made, port) / file).read_bytes() for port, file in FILES}
    good = graphs(known, made)
    log, journal = attempt.folder / "stage.log", attempt.folder / "home/journal"
    earlier = set(journal.glob("*.jsonl"))
    held = attempt.folder / "held"
    other = forked(_hold, held, log=attempt.folder / "other.log")
    while not held.exists():
        time.sleep(0.01)
    process = forked(run, made, attempt.folder / "decision", log=log)
    while process.exitcode is None and set(journal.glob("*.jsonl")) == earlier:
        time.sleep(0.01)
    process.join(attempt.chance.uniform(0, 1))
    shutil.copyfile(getattr(worse, port) / name, getattr(made, port) / name)
    other.kill()
    process.join()
    say(f"{name}: {last_line(log)}")
    if process.exitcode == 0 and any(
        (attempt.folder / "decision/bundles/pruned" / file).read_bytes() != content for file, content in before.items()
    ):
        return counted(wrong(f"{name} was replaced after it was checked, and signed"), good)
    return counted(HELD, good)


def _hold(held: Path) -> None:
    """Another promotion that is going on, for as long as this process lives."""
    with locked(promotion_lock(), 10):
        held.touch()
        time.sleep(60)


@row("resealed: PASS on a FAIL, forged evidence", 12, "judged again at promotion, refused")
def resealed(attempt: Try) -> Outcome:
    """Seals have no key: whoever may write an artifact can write it again with digests and seal that fit."""
    maker = deployed.workspace(attempt)
    known, made = deployed.champion(maker), maker.make("bad", missed=attempt.chance.uniform(0.1, 0.5), p99_ms=1.0)
    (_passing, _flattered, _of_the_teacher)[attempt.number % 3](maker, made)
    told = refusal(promoted, [made], attempt.folder / "decision")
    say(str(told))
    return counted(HELD, graphs(known))


def _passing(_: Maker, made: Deployed) -> None:
    """Every gate of the verdict says PASS."""
    verdict = open_artifact(made.verdict).json("verdict.json")
    gates = [{**gate, "status": "PASS"} for gate in verdict["gates"]]
    claims = {name: {**claim, "status": "PASS"} for name, claim in verdict["claims"].items()}
    rewritten(made.verdict, "verdict.json", verdict="PASS", gates=gates, claims=claims)


def _flattered(maker: Maker, made: Deployed) -> None:
    """The figures are the teacher's, the predictions are its own; the verdict says PASS on that."""
    teacher = open_artifact(maker.root / "evidence" / TARGET / "teacher").json("evidence.json")
    own = open_artifact(made.evidence)
    figures = {name: teacher[name] for name in ("gross", "average", "macro_f1", "flips") if name in teacher}
    rewritten(made.evidence, "evidence.json", **figures)
    _passing(maker, made)
    _point(made.verdict, str(own.digest), open_artifact(made.evidence).digest)


def _of_the_teacher(maker: Maker, made: Deployed) -> None:
    """Figures and predictions are the teacher's: the graph is worse than what is said of it."""
    teacher, old = maker.root / "evidence" / TARGET / "teacher", open_artifact(made.evidence)
    told = old.json("evidence.json")
    theirs = open_artifact(teacher).json("evidence.json")
    figures = {name: value for name, value in theirs.items() if name in ("gross", "average", "macro_f1", "flips")}
    with staged(made.evidence) as staging:
        for name in old.manifest["files"]:
            shutil.copyfile(made.evidence / name, staging / name)
        shutil.copyfile(teacher / "predictions.safetensors", staging / "predictions.safetensors")
        (staging / "evidence.json").write_text(json.dumps(told | figures), encoding="utf-8")
        commit(staging, made.evidence, {key: old.manifest[key] for key in ("component", "inputs", "labels")})
    _passing(maker, made)
    _point(made.verdict, str(old.digest), open_artifact(made.evidence).digest)


def _point(verdict: Path, old: str, new: str) -> None:
    """The verdict's manifest names other evidence."""
    manifest = open_artifact(verdict)
    inputs = {key: new if value == old else value for key, value in manifest.manifest["inputs"].items()}
    _again(verdict, inputs=inputs)


def _again(path: Path, **changes: Any) -> None:
    """The same artifact with another record, sealed anew."""
    old = open_artifact(path)
    record: Mapping[str, Any] = {key: value for key, value in old.manifest.items() if key not in ("files", "schema")}
    with staged(path) as staging:
        for name in old.manifest["files"]:
            shutil.copyfile(path / name, staging / name)
        commit(staging, path, {**record, **changes})


@row("labels stripped or contradicting", 12, "simulated patients never make a champion")
def labels(attempt: Try) -> Outcome:
    """The manifests of one, two or all artifacts say that the data are real; what was written inside still does not."""
    deployed.workspace(attempt)
    maker = Maker(attempt.folder, source="simulated")
    made = maker.make("pruned")
    given: dict[str, str] = {} if attempt.number % 2 else {"source": "mitdb-1.0.0"}
    ways = (("graph", "evidence", "verdict"), ("verdict",), ("evidence", "verdict"), ("graph",))
    for port in ways[attempt.number // 2 % len(ways)]:
        _again(getattr(made, port), labels=given)
    say(str(refusal(promoted, [made], attempt.folder / "decision")))
    say(str(deployed.signed_off("1")))
    if "champion" in aliases():
        return wrong(f"a simulated one became champion: {aliases()}")
    return HELD


@row("reviewer is the author, spelled otherwise", len(SPELLINGS), "refused")
def spelled(attempt: Try) -> Outcome:
    maker = deployed.workspace(attempt)
    promoted([maker.make("pruned")], attempt.folder / "decision", sign_off=True)
    who = SPELLINGS[attempt.number]
    say(str(deployed.signed_off("1", who)))
    return wrong(f"{who!a} signed off what grace@example.org promoted") if "champion" in aliases() else HELD


LOOSE = {"G3.floors.V.gross": 1e-6, "G3.floors.V.lower": 1e-6, "G4.floors.V": 1e-6, "G7.patient": 0.5, "G8.fall.V": 0.5}
VAST = {"size_bytes": 10**12, "p99_ms": 1e12, "peak_rss_mb": 1e12, "slower": 1e6}


@row("loosened gates or budgets", 12, "shown, logged, and never without a sign-off")
def loosened(attempt: Try) -> Outcome:
    """One number of the gates or of the budget, or all of them, let more through than at the last promotion."""
    maker = deployed.workspace(attempt)
    known = deployed.champion(maker)
    gates, budget, what = _looser(attempt)
    made = maker.make("next", p99_ms=2.0)
    _judged(maker, made, gates, budget)
    told = refusal(promoted, [made], attempt.folder / "decision", gates=gates, budget=budget)
    say(f"{what}: {told}")
    quiet = aliases()["champion"] != "1"
    return counted(
        wrong(f"{what} was loosened, and champion moved without a word") if quiet else HELD, graphs(known, made)
    )


def _looser(attempt: Try) -> tuple[dict[str, Any], dict[str, Any], str]:
    gates, budget = json.loads(json.dumps(GATES)), dict(BUDGET)
    paths = [*LOOSE, *VAST]
    chosen = paths if attempt.number % len(paths) == 0 else [paths[attempt.number % len(paths)]]
    for path in chosen:
        *parents, last = path.split(".")
        inner = budget if path in VAST else gates
        for parent in parents:
            inner = inner[parent]
        inner[last] = (LOOSE | VAST)[path]
    return gates, budget, ", ".join(chosen) if len(chosen) == 1 else "everything"


def _judged(maker: Maker, made: Deployed, gates: dict[str, Any], budget: dict[str, Any]) -> None:
    from components.gate import gate

    reference = maker.root / "evidence" / TARGET / "teacher"
    gate(evidence=made.evidence, reference=reference, verdict=made.verdict, gates=gates, budget=budget)


@row("sound bundle, verified by the command line", 10, "accepted wherever it lies, however its path is given")
def sound(attempt: Try) -> Outcome:
    """A gate that refuses everything again: `bedside verify` as the review page tells people to call it."""
    maker = deployed.workspace(attempt)
    promoted([maker.make("pruned")], Path("decision"))  # a relative path, as in dvc.yaml
    bundle = Path("decision/bundles/pruned")
    paths = (bundle, attempt.folder / bundle, Path("decision/../decision/bundles/pruned"), bundle.resolve())
    path = paths[attempt.number % len(paths)]
    named = [f"--key={keys.public_key().resolve()}"] if attempt.number // len(paths) % 2 else []
    told = refusal(cli.main, ["verify", *named, str(path)])
    return HELD if told is None else wrong(f"a sound bundle at {path} was refused: {told}")
