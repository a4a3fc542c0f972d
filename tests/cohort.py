"""A tiny real cohort: recordings, approval, dataset and test artifact, made by the stages in two seconds."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.artifacts import commit, open_artifact, staged
from bedside.datasets.simulated import Simulated
from bedside.tasks.ecg_beats.task import EcgArrhythmia
from bedside.tasks.splits.by_share import ByShare
from components.ingest import ingest
from components.prepare import prepare


@dataclass(frozen=True)
class Cohort:
    """Where each artifact is."""

    recordings: Path
    approval: Path
    dataset: Path
    test: Path


def simulated_dataset(folder: Path, patients: int = 8, seconds: float = 60.0, **task: Any) -> Cohort:
    """Simulate, accept without Great Expectations (its import takes seconds), and prepare; `task` overrides fields.

    Every split has N, S and V; train has F too.
    """
    made = Cohort(folder / "recordings", folder / "approval", folder / "dataset", folder / "test")
    ingest(recordings=made.recordings, source=Simulated(patients=patients, seconds=seconds, lead_off=False))
    approve(made.recordings, made.approval)
    split = ByShare(test=0.38, validation=0.25, calibration=0.12)
    prepare(
        recordings=made.recordings,
        approval=made.approval,
        dataset=made.dataset,
        test=made.test,
        task=EcgArrhythmia(**{"split": split, **task}),
    )
    return made


def approve(data: Path, report: Path, accepted: list[str] | None = None) -> Path:
    """An approval as `validate` writes it, for all records or for the `accepted` ones."""
    artifact = open_artifact(data)
    names = [row["record"] for row in artifact.json("records.json")] if accepted is None else accepted
    verdict: dict[str, Any] = {
        "suite": "recordings",
        "data": artifact.digest,
        "accepted": names,
        "quarantined": {},
        "success": True,
    }
    with staged(report) as staging:
        (staging / "approval.json").write_text(json.dumps(verdict))
        commit(staging, report, {"component": "test", "labels": artifact.labels})
    return report
