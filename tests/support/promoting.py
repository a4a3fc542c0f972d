"""Promotions for tests: the real stage on small deployments, and a look into the real registry."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bedside.registry.log import PromotionLog
from bedside.registry.reviewers import enrol
from bedside.registry.sign_off import approve
from tests.support import deployments
from tests.support.deployments import Deployed

TARGET = "onnxruntime-cpu"
MODEL = f"ecg-arrhythmia.{TARGET}"
NAMED = {"model": "ecg-arrhythmia", "intended_use": "Names heart beats."}  # what the stage must be given


REVIEWER = "ada@example.org"


def promoted(
    deployed: Sequence[Deployed],
    decision: Path,
    *,
    sign_off: bool = False,
    timeout: float = 5,
    gates: Mapping[str, Any] = deployments.GATES,
    budget: Mapping[str, Any] = deployments.BUDGET,
) -> dict[str, Any]:
    """Run the stage; its decision. A store that is away is asked again for `timeout` seconds."""
    from components.promote import promote

    promote(
        graphs=[d.graph for d in deployed],
        evidence=[d.evidence for d in deployed],
        verdicts=[d.verdict for d in deployed],
        reference=deployed[0].reference,
        decision=decision,
        params={**NAMED, "sign_off": sign_off, "timeout": timeout},
        gates=dict(gates),
        budget=dict(budget),
    )
    found: dict[str, Any] = json.loads((decision / "decision.json").read_text())
    return found


def signed_off(number: str, reason: str = "looked at it", reviewer: str = REVIEWER, **about: str) -> None:
    """A sign-off by somebody who was enrolled for it."""
    enrol(REVIEWER)
    approve(TARGET, number, reviewer=reviewer, reason=reason, **about)


def registry() -> Any:
    """A client of the workspace's registry."""
    from mlflow import MlflowClient

    return MlflowClient(os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_TRACKING_URI"])


def aliases() -> dict[str, str]:
    """Alias to version number of the test's model, as the registry has it now."""
    found = registry().search_registered_models(f"name = '{MODEL}'")
    return {name: str(number) for name, number in found[0].aliases.items()} if found else {}


def states() -> list[str]:
    """The states that the workspace's promotions have gone through, in order, as its verified log has them."""
    return [entry["state"] for entry in PromotionLog().verify()]


def stored(number: str) -> Path:
    """The folder in which the registry keeps the bundle of a version, open to whoever can write there."""
    version = registry().get_model_version(MODEL, number)
    place = str(version.source).removeprefix("runs:/").partition("/")[2]
    return Path(registry().get_run(version.run_id).info.artifact_uri.removeprefix("file://")) / place
