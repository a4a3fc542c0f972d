"""One network under one technique, through the stages themselves: trained, exported, on each target, measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bedside.artifacts import commit, open_artifact, staged, write_json
from bedside.catalog import stage
from bedside.datasets.simulated import Simulated
from bedside.datasets.windows import load_split
from bedside.edge.runner import Arrays
from bedside.errors import RefusedError
from bedside.measurement import Measure, Measurement
from bedside.measurement.answers import answers
from bedside.targets import Target
from bedside.tasks.ecg_beats.task import EcgArrhythmia
from bedside.tasks.splits.by_share import ByShare
from benchmarks.zoo.networks import NETWORKS, asked

CASCADE_FROM = "distill"  # the small network before the teacher


@dataclass(frozen=True)
class OnTarget:
    """One file on one target: its size, and the time that it takes beside the float parent's."""

    bytes: int
    times_faster: float | None
    label_changes: int  # against the network in torch, on validation windows, one at a time
    changes_in_batches: int  # of answers to windows in a batch against the same alone


@dataclass(frozen=True)
class Cell:
    """What came of a technique on a network, or why nothing did."""

    network: str
    technique: str
    parameters: int = 0
    macs: int = 0
    targets: Mapping[str, OnTarget] = field(default_factory=dict)
    refused: str = ""


class Walk:
    """A small simulated cohort, and a teacher of every kind that is asked for."""

    def __init__(self, folder: Path, training: dict[str, Any], measure: Measure | None, patients: int = 16) -> None:
        self.folder, self.training, self.measure = folder, training, measure
        self.dataset, self.approval = _cohort(folder, patients)
        windows = load_split(open_artifact(self.dataset), "validation").inputs
        self.windows: Arrays = {name: array[:400] for name, array in windows.items()}

    def cells(self, kind: str, techniques: Sequence[str], targets: Mapping[str, Target]) -> Iterator[Cell]:
        """The network as it is (technique ``), then under each technique."""
        teacher = self._made(kind, "teacher")
        stage("train_teacher")(
            dataset=self.dataset,
            approval=self.approval,
            teacher=teacher,
            params={"architecture": {"kind": kind, **NETWORKS[kind]}, "training": self.training},
        )
        whole = self._deployed(kind, "teacher", targets)
        yield self._cell(kind, "", whole, {})
        for technique in techniques:
            try:
                self._apply(kind, technique)
                found = self._deployed(kind, technique, targets)
            except RefusedError as error:
                yield Cell(kind, technique, refused=str(error))
            else:
                yield self._cell(kind, technique, found, whole)

    def _made(self, kind: str, name: str) -> Path:
        return self.folder / kind / name

    def _apply(self, kind: str, technique: str) -> None:
        parent = self._made(kind, CASCADE_FROM if technique == "cascade" else "teacher")
        if not parent.exists():
            raise RefusedError(f"{technique} stands before the teacher with what {CASCADE_FROM} makes, which made none")
        stage(technique)(
            dataset=self.dataset,
            teacher=self._made(kind, "teacher"),
            parent=parent,
            student=self._made(kind, technique),
            params=asked(technique, kind, self.training),
        )

    def _deployed(self, kind: str, name: str, targets: Mapping[str, Target]) -> dict[str, Any]:
        """The exported graph's facts and the optimized file of each target."""
        graph = self._made(kind, f"{name}.graph")
        stage("export")(dataset=self.dataset, model=self._made(kind, name), graph=graph, params={})
        found: dict[str, Any] = {"complexity": open_artifact(graph).json("complexity.json"), "graph": graph}
        for label, target in targets.items():
            optimized = self._made(kind, f"{name}.{label}")
            stage("optimize")(graph=graph, optimized=optimized, target=target)
            found[label] = (target, (optimized / "model.onnx").read_bytes())
        return found

    def _cell(self, kind: str, technique: str, found: dict[str, Any], whole: dict[str, Any]) -> Cell:
        labels = [label for label, one in found.items() if isinstance(one, tuple)]
        on = {label: self._on(kind, technique or "teacher", found[label], whole.get(label)) for label in labels}
        cost = found["complexity"]
        return Cell(kind, technique, int(cost["parameters"]), int(cost["macs"]), on)

    def _on(self, kind: str, name: str, deployed: tuple[Target, bytes], whole: tuple[Target, bytes] | None) -> OnTarget:
        import torch

        from bedside.models import load

        target, file = deployed
        network = load(open_artifact(self._made(kind, name)))
        with torch.inference_mode():
            expected = network(**{key: torch.from_numpy(array) for key, array in self.windows.items()}).numpy()
        logits, how = answers(target.session(file), self.windows, batch=16, sampled=64, name=f"{kind} {name}")
        faster = None
        if self.measure is not None and whole is not None:
            taken = Measurement(target, file, whole[1], self.windows).take(self.measure)
            faster = float(taken["latency"]["times_faster"]["p50"]["median"])
        changes = int((logits.argmax(1) != expected.argmax(1)).sum())
        return OnTarget(len(file), faster, changes, int(how["label_changes_to_alone"]))


def _cohort(folder: Path, patients: int) -> tuple[Path, Path]:
    """Dataset and approval, without Great Expectations, whose import takes seconds."""
    recordings, dataset = folder / "recordings", folder / "dataset"
    stage("ingest")(recordings=recordings, source=Simulated(patients=patients, seconds=60.0, lead_off=False))
    names = [row["record"] for row in open_artifact(recordings).json("records.json")]
    approved = _approval(recordings, folder / "approval", names)
    task = EcgArrhythmia(split=ByShare(test=0.2, validation=0.3, calibration=0.12))
    ports = {"recordings": recordings, "approval": approved, "dataset": dataset, "test": folder / "test"}
    stage("prepare")(**ports, task=task)
    records = open_artifact(dataset).json("dataset.json")["records"]
    return dataset, _approval(dataset, folder / "dataset-approval", records)


def _approval(data: Path, report: Path, accepted: list[str]) -> Path:
    artifact = open_artifact(data)
    verdict = {"suite": "none", "data": artifact.digest, "accepted": accepted, "quarantined": {}, "success": True}
    with staged(report) as staging:
        write_json(staging / "approval.json", verdict)
        commit(staging, report, {"component": "benchmarks.zoo", "labels": artifact.labels})
    return report
