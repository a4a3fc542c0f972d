"""The pipeline on a cohort of ten, run by its own command lines: what stages are killed in, and what they read."""

import importlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bedside.artifacts import ArtifactError, open_artifact
from bedside.component import Component
from bedside.errors import RefusedError
from bedside.params import ParamsError
from benchmarks.faults.forks import timed
from tests.support.deployments import BUDGET, GATES
from tests.support.promoting import NAMED

TARGET = "onnxruntime-cpu"
SHORT = {"epochs": 1, "sampling": {"windows": 128}}
CONVOLUTIONS = [{"channels": 8, "kernel": 7, "stride": 4}, {"channels": 16, "kernel": 5, "stride": 2}]
NETWORK = {"kind": "cnn_lstm", "convolutions": CONVOLUTIONS, "lstm": [16], "head": 16}
SOURCE = {"kind": "simulated", "patients": 10, "seconds": 60.0, "lead_off": False}
TASK = {"kind": "ecg-arrhythmia", "split": {"kind": "by-share", "test": 0.38, "validation": 0.25, "calibration": 0.12}}
EPOCHS = 4
TEACHER = {"architecture": NETWORK, "training": {"epochs": EPOCHS, "sampling": {"windows": 512}}}
STUDENT = {"kind": "cnn_lstm", "convolutions": CONVOLUTIONS[:1], "lstm": [8], "head": 8}
MEASURE = {"windows": 2, "runs": 20, "warmup": 2, "seconds": 0.05, "batches": [1], "processes": 1}
WINDOWS = {"kind": "windows"}


@dataclass(frozen=True)
class Stage:
    """One command line: the component, its inputs and outputs by port (folders below one root), its parameters."""

    name: str
    component: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, str]
    params: Mapping[str, Any] = field(default_factory=dict)
    same: str = ""  # of stages that measure time or stamp pages: the one file that must be the same again

    def argv(self, inputs: Path, outputs: Path) -> list[str]:
        """The command line that reads below one folder and writes below another."""
        values: dict[str, Any] = {name: below(inputs, value) for name, value in self.inputs.items()}
        values |= {name: outputs / value for name, value in self.outputs.items()}
        values |= {name: json.dumps(value) for name, value in self.params.items()}
        return [str(part) for part in self.command.argv(values)]

    @property
    def command(self) -> Component:
        module = importlib.import_module(f"components.{self.component}")
        found: Component = getattr(module, self.component)
        return found

    def run(self, inputs: Path, outputs: Path) -> None:
        """As the command line runs it; SystemExit with its message where it refuses."""
        self.command.main(self.argv(inputs, outputs))

    def content(self, outputs: Path) -> list[str]:
        """What must be the same in every run: whole manifests where they follow from the inputs alone."""
        made = [open_artifact(outputs / place) for place in self.outputs.values()]
        if self.same:
            return [str(artifact.manifest["files"][self.same]) for artifact in made]
        return [json.dumps(artifact.manifest, sort_keys=True) for artifact in made]


def below(root: Path, value: Any) -> Any:
    """Folders below `root`."""
    return [root / each for each in value] if isinstance(value, list) else root / value


def _technique(name: str, params: Mapping[str, Any]) -> Stage:
    inputs = {"dataset": "dataset", "teacher": "models/teacher", "parent": "models/teacher"}
    return Stage(name, name, inputs, {"student": f"models/{name}"}, {"params": params})


def _exported(variant: str) -> list[Stage]:
    graph, place = f"graphs/{variant}", f"{TARGET}/{variant}"
    models = {"dataset": "dataset", "model": f"models/{variant}"}
    evaluated = {"test": "test", "graph": f"optimized/{place}", "reference": f"optimized/{TARGET}/teacher"}
    kind = {"target": {"kind": "onnxruntime"}}
    about = {"deployment": {"variant": variant, "target": TARGET}} | kind
    judged = {"evidence": f"evidence/{place}", "reference": f"evidence/{TARGET}/teacher"}
    how = {"params": {"measure": MEASURE, "replicates": 200}}
    return [
        Stage("export", "export", models, {"graph": graph}, {"params": {}}),
        Stage("optimize", "optimize", {"graph": graph}, {"optimized": f"optimized/{place}"}, kind),
        Stage(
            "evaluate", "evaluate", evaluated, {"evidence": f"evidence/{place}"}, about | how, "predictions.safetensors"
        ),
        Stage("gate", "gate", judged, {"verdict": f"verdicts/{place}"}, LIMITS),
    ]


def _of_pruned(kind: str) -> list[str]:
    return [f"{kind}/{TARGET}/prune"]


LIMITS = {"gates": GATES, "budget": BUDGET}
READY: dict[str, Any] = {
    "graphs": _of_pruned("optimized"),
    "evidence": _of_pruned("evidence"),
    "verdicts": _of_pruned("verdicts"),
}
TO_PROMOTE = READY | {"reference": f"evidence/{TARGET}/teacher"}
SHOWN = {"evidence": READY["evidence"], "verdicts": READY["verdicts"], "decisions": ["decision"]}
BEFORE = [
    Stage("ingest", "ingest", {}, {"recordings": "recordings"}, {"source": SOURCE}),
    Stage(
        "validate", "validate", {"data": "recordings"}, {"report": "recordings-report"},
        {"params": {"kind": "recordings", "max_quarantined_share": 0.9}}, "approval.json",
    ),
    Stage(
        "prepare", "prepare", {"recordings": "recordings", "approval": "recordings-report"},
        {"dataset": "dataset", "test": "test"}, {"task": TASK},
    ),
    Stage(
        "validate-windows", "validate", {"data": "dataset"}, {"report": "dataset-report"}, {"params": WINDOWS},
        "approval.json",
    ),
    Stage(
        "train_teacher", "train_teacher", {"dataset": "dataset", "approval": "dataset-report"},
        {"teacher": "models/teacher"}, {"params": TEACHER},
    ),
]  # fmt: skip
STAGES = [
    *BEFORE,
    _technique("distill", {"student": STUDENT, "training": SHORT, "edge_training": SHORT}),
    _technique("prune", {"schedule": {"ratio": 0.5, "steps": 1, "multiple": 4}, "training": SHORT}),
    _technique("quantize", {"training": SHORT, "gain": {"smaller": -9.0}}),
    *_exported("prune"),
    Stage(
        "promote",
        "promote",
        TO_PROMOTE,
        {"decision": "decision"},
        {"params": {**NAMED, "sign_off": True}} | LIMITS,
        "decision.json",
    ),
    Stage("report", "report", SHOWN, {"report": "report"}, {"params": {}}, "short.md"),
]
# In the order in which they can be run: the teacher's evidence comes before what is judged beside it.
ORDER = [*STAGES[:5], *_exported("teacher"), *STAGES[5:]]


def cohort(folder: Path) -> None:
    """Base: recordings, approval, dataset and its report."""
    for stage in BEFORE[:4]:
        stage.run(folder, folder)


def trained(folder: Path) -> None:
    """Base: the cohort, and a teacher whose training nobody disturbed."""
    for stage in BEFORE:
        stage.run(folder, folder)


def pipeline(folder: Path) -> None:
    """Base: every stage's output, and how long each stage takes once it is warm."""
    from tests.support.mlflow_store import database

    database(folder)
    took: dict[str, float] = {}
    for stage in ORDER:  # the teacher's first, so that a kind of stage is warm when its time counts
        told: list[float] = []
        with timed(told):
            stage.run(folder, folder)
        took[stage.name] = told[0]
        say(f"{stage.name}: {told[0]:.2f} s")
    (folder / "seconds.json").write_text(json.dumps(took), encoding="utf-8")


def seconds(base: Path, stage: Stage) -> float:
    """How long a stage took undisturbed."""
    return float(json.loads((base / "seconds.json").read_text(encoding="utf-8"))[stage.name])


def refusal(call: Any, *arguments: Any, **named: Any) -> str | None:
    """The message with which a stage or a call refuses; None if it does not. A traceback is no refusal, and raised."""
    try:
        call(*arguments, **named)
    except SystemExit as error:
        return str(error.code)
    except (RefusedError, ParamsError, ArtifactError, OSError) as error:
        return str(error)
    return None


def damaged(folder: Path) -> str | None:
    """Why what is visible at `folder` is neither absent nor complete; None if it is one of the two."""
    return refusal(open_artifact, folder) if folder.exists() else None


def rubbish(folder: Path) -> list[str]:
    """Hidden leftovers of writers, which the next run should have taken away."""
    return [path.name for path in folder.rglob(".*") if path.suffix in {".staging", ".old", ".part"}]


def say(text: str) -> None:
    """Into the log of a try."""
    print(text, file=sys.stderr, flush=True)
