"""A registry and small deployments for one try, and whether an alias leads where no gate let anything through."""

import hashlib
import json
import os
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from bedside.artifacts import open_artifact
from bedside.registry import keys, signing
from bedside.registry.log import PromotionLog
from bedside.registry.reviewers import enrol
from bedside.registry.sign_off import approve
from bedside.tracking import origin
from benchmarks.faults.rows import HELD, Outcome, Try
from benchmarks.faults.stages import refusal
from components.promote import promote
from tests.support.deployments import BUDGET, GATES, Deployed, Maker
from tests.support.mlflow_store import database
from tests.support.promoting import MODEL, NAMED, TARGET, aliases, promoted, registry


def workspace(attempt: Try, source: str = "mitdb-1.0.0") -> Maker:
    """A workspace with its own keys, log and store; deployments of `source` are made in it."""
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{database(attempt.folder)}"
    origin.pipeline.cache_clear()
    return Maker(attempt.folder, source=source)


def champion(maker: Maker, variant: str = "first", p99_ms: float = 5.0) -> Deployed:
    """A good deployment that was promoted: champion and challenger are version 1."""
    made = maker.make(variant, p99_ms=p99_ms)
    promoted([made], maker.root / f"decision-{variant}")
    return made


def command(made: Deployed, decision: Path) -> list[str]:
    """The command line that promotes one deployment without a sign-off."""
    ports = {"graphs": [made.graph], "evidence": [made.evidence], "verdicts": [made.verdict], "decision": decision}
    params = {"params": json.dumps({**NAMED, "sign_off": False, "timeout": 60})}
    by = {"reference": made.reference, "gates": json.dumps(GATES), "budget": json.dumps(BUDGET)}
    return [str(part) for part in promote.argv(ports | params | by)]


def signed_off(number: str, reviewer: str = "ada@example.org") -> str | None:
    """A sign-off by somebody with a key, enrolled if possible; the message of its refusal, None without one."""
    refusal(enrol, reviewer)
    return refusal(approve, TARGET, number, reviewer=reviewer, reason="looked at it")


def graphs(*deployed: Deployed) -> set[str]:
    """sha256 of the graphs of deployments that passed their gates."""
    return {str(open_artifact(each.graph).manifest["files"]["model.onnx"]) for each in deployed}


def ungated(good: Collection[str]) -> list[str]:
    """Aliases that the log vouches for and that lead to another graph than the good ones, or to what nobody signed.

    An alias that somebody moved past the project, and that the log does not confirm, is that person's.
    """
    told = [(alias, number) for alias, number in aliases().items() if _vouched(alias) == number]
    return [f"{alias} leads to version {number}" for alias, number in told if not _leads_to(number, good)]


def _vouched(alias: str) -> str | None:
    """The version where the log says that the project has put an alias."""
    moves = [entry for entry in PromotionLog().read() if entry["state"] in ("ALIASED", "CONFIRMED")]
    told = [entry["aliases"][alias] for entry in moves if alias in entry.get("aliases", {})]
    return (told[-1]["version"] if isinstance(told[-1], dict) else told[-1]) if told else None


def _leads_to(number: str, good: Collection[str]) -> bool:
    version = registry().get_model_version(MODEL, number)
    place = str(version.source).removeprefix("runs:/").partition("/")[2]
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(registry().download_artifacts(version.run_id, place, folder))
        found = hashlib.sha256((bundle / "model.onnx").read_bytes()).hexdigest()
        try:
            signing.verify(bundle, keys.public_key())
        except signing.SignatureError:
            return False
    return found in good


def counted(outcome: Outcome, good: Collection[str]) -> Outcome:
    """The outcome with ungated aliases counted; one is wrong, whatever else held."""
    found = ungated(good)
    if not found:
        return outcome
    told = "; ".join(filter(None, [outcome.told, *found]))
    return replace(outcome, kind="wrong" if outcome is HELD else outcome.kind, told=told, ungated=len(found))
