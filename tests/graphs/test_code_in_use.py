"""What really runs in a stage is among the sources that its digest is made of: no import escapes by being dynamic."""

import functools
import importlib
import pkgutil
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import yaml

import bedside
from bedside import catalog
from bedside.artifacts import open_artifact
from bedside.component import Component, Metrics
from bedside.fingerprint import pipeline
from bedside.fingerprint.sources import CARRIERS
from tests.cohort import approve
from tests.components.test_evaluate import QUICK
from tests.components.test_every_technique import TEACHER, words
from tests.graphs.wiring import ROOT

SRC = ROOT / "src/bedside"
TARGET = "onnxruntime-cpu"
QUANTIZE = words("quantize", "example")


@pytest.fixture(scope="module")
def params() -> dict[str, Any]:
    """The project's own, with a cohort and networks that take seconds."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    found["source"] = {"kind": "simulated", "patients": 8, "seconds": 60.0, "lead_off": False}
    found["task"]["split"] = {"kind": "by-share", "test": 0.38, "validation": 0.25, "calibration": 0.12}
    training = {"epochs": 1, "sampling": {"windows": 256, "batch": 64}}
    found["train_teacher"] = {"architecture": TEACHER, "training": training}
    found["variants"] = {"small": {"parent": "teacher", "technique": "quantize", "params": QUANTIZE}}
    found["evaluated"] = {"variants": ["teacher", "small"], "targets": [TARGET]}
    found["evaluate"] = QUICK.model_dump(mode="json")
    return found


@pytest.fixture(scope="module")
def used(params: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], set[Path]]:
    """The library's files in which anything ran, by stage, after everything that can be imported has been."""
    for module in pkgutil.walk_packages(bedside.__path__, "bedside."):  # members of families run code as they register
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return dict(_run(params, tmp_path_factory.mktemp("run")))


def _run(params: Mapping[str, Any], at: Path) -> Iterator[tuple[tuple[str, ...], set[Path]]]:
    def stage(name: tuple[str, ...], component: str, **values: Any) -> tuple[tuple[str, ...], set[Path]]:
        return name, traced(catalog.stage(component), values)

    data = {"recordings": at / "recordings", "approval": at / "approval"}
    yield stage(("ingest",), "ingest", recordings=data["recordings"], source=params["source"])
    approve(data["recordings"], data["approval"])
    dataset, test = at / "dataset", at / "test"
    yield stage(("prepare",), "prepare", **data, dataset=dataset, test=test, task=params["task"])
    approval = approve(dataset, at / "report", open_artifact(dataset).json("dataset.json")["records"])
    teacher, small = at / "teacher", at / "small"
    about = {"approval": approval, "params": params["train_teacher"]}
    yield stage(("train_teacher",), "train_teacher", dataset=dataset, teacher=teacher, **about)
    ports = {"dataset": dataset, "teacher": teacher, "parent": teacher, "student": small}
    yield stage(("variant", "small"), "quantize", **ports, params=QUANTIZE)
    target = params["targets"][TARGET]
    for variant, model in {"teacher": teacher, "small": small}.items():
        graph, optimized = at / f"graph-{variant}", at / f"optimized-{variant}"
        yield stage(("export", variant), "export", dataset=dataset, model=model, graph=graph, params={})
        name = ("optimize", TARGET, variant)
        yield stage(name, "optimize", graph=graph, optimized=optimized, target=target)
        evidence, judged = at / f"evidence-{variant}", {"variant": variant, "target": TARGET}
        ports = {"test": test, "graph": optimized, "reference": at / "optimized-teacher", "evidence": evidence}
        how = {"deployment": judged, "target": target, "params": params["evaluate"]}
        yield stage(("evaluate", TARGET, variant), "evaluate", **ports, **how)
        reference = at / "evidence-teacher"
        ports = {"evidence": evidence, "reference": reference, "verdict": at / f"verdict-{variant}"}
        by = {"gates": params["gates"], "budget": params["budgets"][TARGET]}
        yield stage(("gate", TARGET, variant), "gate", **ports, **by)


def traced(stage: Component, values: Mapping[str, Any]) -> set[Path]:
    """The library's files in which the stage called a function, in any thread; not what carriers call to record it."""
    found: set[str] = set()

    def seen(frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file not in found and file.startswith(str(SRC)) and not any(map(carries, _stack(frame))):
            found.add(file)

    @functools.wraps(stage.function)
    def watched(**given: Any) -> Metrics:
        threading.setprofile(seen)
        sys.setprofile(seen)
        try:
            return stage.function(**given)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    Component(watched, stage.image, stage.takes, stage.gives)(**values)
    return set(map(Path, found))


def _stack(frame: FrameType | None) -> Iterator[Path]:
    """The library's files that a call comes through."""
    while frame and not frame.f_code.co_filename.endswith("test_code_in_use.py"):
        if frame.f_code.co_filename.startswith(str(SRC)):
            yield Path(frame.f_code.co_filename)
        frame = frame.f_back


def test_every_file_in_which_a_stage_runs_counts_in_its_digest(
    params: dict[str, Any], used: dict[tuple[str, ...], set[Path]]
) -> None:
    counted = pipeline.by_stage(params)
    for name, files in used.items():
        missing = files - {file for source in counted[name] for file in source.files()}
        assert {str(file.relative_to(SRC)) for file in missing} == set(), name


def carries(file: Path) -> bool:
    """Whether it is one of the carriers, which only launch and record."""
    module = ".".join(["bedside", *file.relative_to(SRC).with_suffix("").parts])
    return any(f"{module}.".startswith(f"{carrier}.") for carrier in CARRIERS)


def test_the_stages_ran_in_the_files_that_they_are_about(used: dict[tuple[str, ...], set[Path]]) -> None:
    assert SRC / "models/edits/quantized.py" in used["export", "small"]
    assert SRC / "models/edits/quantized.py" not in used["export", "teacher"]
    assert SRC / "targets/onnxruntime.py" in used["optimize", TARGET, "small"]
    assert SRC / "tasks/ecg_beats/task.py" in used["prepare",]
