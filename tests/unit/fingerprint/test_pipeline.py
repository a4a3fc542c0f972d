"""What becomes of the digests when somebody adds or edits a file: adding changes none, an edit those that use it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
NEW = {
    "a target": ("targets/board.py", "targets.base", "Target"),
    "an importance score": ("compression/pruning/fisher.py", "compression.pruning.base", "Importance"),
    "an architecture": ("models/wavenet.py", "models.base", "Architecture"),
    "an edit": ("models/edits/sliced.py", "models.edits.base", "Edit"),
    "a range estimator": ("compression/ranges/mean_square.py", "compression.ranges.base", "Ranges"),
    "a source": ("datasets/cinc.py", "datasets.base", "Source"),
    "a task": ("tasks/sleep.py", "tasks.base", "Task"),
    "a split": ("tasks/splits/by_year.py", "tasks.splits.base", "Split"),
}
BOTH = r"(onnxruntime|openvino)-cpu\.\w+"
QUANTIZED = "quantized|combined|post-training|sixteen|weights-only|mixed|tiny|smallest|cascade|int8-first"
EDITED = {
    "targets/openvino.py": r"(optimize|evaluate)\.openvino-cpu\..*",
    "compression/ranges/entropy.py": r"variant\.post-training",
    "compression/pruning/masks.py": r"variant\.sparse",
    "models/edits/quantized.py": rf"(variant|export)\.({QUANTIZED})",
    "models/edits/low_rank.py": r"(variant|export)\.(factorized|separable)",
    "models/edits/separable.py": r"(variant|export)\.(factorized|separable)",
    "models/edits/early_exit.py": r"(variant|export)\.early-exit",
    "models/transformer.py": r"",
    "tasks/ecg_beats/de_chazal.py": r"prepare",
    "tasks/splits/by_share.py": r"",
    "datasets/simulated.py": r"",
    "stages/gate.py": r"gate\..*",
    "stages/export.py": r"export\..*",
    "reporting/templates/report.html": r"report|promote\..*",
    "tracking/replay.py": r"",
    "tasks/ecg_beats/recordings.py": r"validate_(recordings|windows)",  # the latter may meet what the former made
    "quality/tables.py": r"",
    "datasets/waveforms.py": r"ingest|prepare",
    "datasets/tables/csv_files.py": r"",
    "tasks/windows/task.py": r"",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline's sources and parameters."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("components", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copyfile(ROOT / "params.yaml", folder / "params.yaml")
    return folder


@pytest.fixture(scope="module")
def before(project: Path) -> dict[str, str]:
    return digests(project)


def digests(project: Path) -> dict[str, str]:
    """By the stage's name, as the first stage of the pipeline writes them."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(project / "src"), str(project)])}
    command = [sys.executable, "-m", "bedside.fingerprint"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(flat(json.loads((project / "code.json").read_text())))


def flat(told: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in told.items():
        yield from flat(value, f"{above}{name}.") if isinstance(value, dict) else [(f"{above}{name}", value)]


def test_adding_a_member_of_any_family_changes_nothing(project: Path, before: dict[str, str]) -> None:
    added = [project / "src/bedside" / name for name, _, _ in NEW.values()]
    for file, (_, base, family) in zip(added, NEW.values(), strict=True):
        text = f"from bedside.{base} import {family}\n\nclass New({family}):\n    kind: str = '{file.stem}'\n"
        file.write_text(text)
    try:
        assert digests(project) == before
    finally:
        for file in added:
            file.unlink()


@pytest.mark.parametrize("name", EDITED)
def test_an_edit_changes_the_digests_of_the_stages_that_use_the_file_and_no_others(
    project: Path, before: dict[str, str], name: str
) -> None:
    file = project / "src/bedside" / name
    text = file.read_text()
    file.write_text(f"{text}# edited\n")
    try:
        now = digests(project)
    finally:
        file.write_text(text)
    assert now.keys() == before.keys()
    changed = {stage for stage in now if now[stage] != before[stage]}
    assert changed == {stage for stage in now if re.fullmatch(EDITED[name], stage)}


def test_a_kind_that_is_named_makes_its_file_count(project: Path, before: dict[str, str]) -> None:
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params.replace("ranges: {kind: entropy}", "ranges: {kind: percentile}"))
    try:
        now = digests(project)
    finally:
        (project / "params.yaml").write_text(params)
    assert {stage for stage in now if now[stage] != before[stage]} == {"variant.post-training"}


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ("{}", "code: params.yaml:variants: missing"),
        ("variants: {a: {parent: teacher, technique: flatten, params: {}}}", "code: params.yaml:source: missing"),
    ],
)
def test_parameters_that_say_too_little_are_one_message(tmp_path: Path, params: str, told: str) -> None:
    (tmp_path / "params.yaml").write_text(params)
    command = [sys.executable, "-m", "bedside.fingerprint"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(told)
