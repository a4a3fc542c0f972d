"""The local journal: what a stage writes whatever the tracking store does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bedside import tracking
from bedside.artifacts import Artifact
from bedside.tracking import journal, origin
from tests.unit.tracking.records import PRUNE

pytestmark = pytest.mark.usefixtures("workspace")


def events(path: Path) -> list[str]:
    return [event["event"] for event in journal.read(path)]


def test_a_run_is_written_line_by_line_without_any_store() -> None:
    with tracking.run("prune", PRUNE):
        tracking.log({"train/loss": 0.5}, step=1)
        (path,) = journal.pending()
        assert events(path) == ["start", "metrics"]
    assert events(path) == ["start", "metrics", "end"]


def test_recording_writes_lines_and_never_imports_mlflow() -> None:
    script = (
        "import sys, json\n"
        "from bedside import tracking\n"
        "with tracking.run('prune', json.loads(sys.argv[1])):\n"
        "    for step in range(100): tracking.log({'train/loss': 0.5}, step)\n"
        "assert 'mlflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, json.dumps(PRUNE)], check=True)
    (path,) = journal.pending()
    assert events(path) == ["start", *["metrics"] * 100, "end"]


def test_logging_outside_a_run_does_nothing() -> None:
    tracking.log({"train/loss": 0.5}, step=1)
    assert journal.pending() == []


def test_a_failed_stage_is_recorded_with_its_error_and_still_fails() -> None:
    with pytest.raises(ValueError, match="no such lead"), tracking.run("prune", PRUNE):
        raise ValueError("no such lead")
    (path,) = journal.pending()
    end = journal.read(path)[-1]
    assert end["status"] == "FAILED"
    assert end["error"].startswith("ValueError: no such lead\nat test_journal.py:")


def test_small_pictures_and_texts_are_kept_even_if_the_artifact_is_replaced_later(workspace: Path) -> None:
    output = workspace / "output"
    (output / "deep").mkdir(parents=True)
    (output / "deep" / "confusion.png").write_bytes(b"first")
    (output / "model.safetensors").write_bytes(b"weights")
    (output / "large.json").write_bytes(b" " * journal.LARGEST)
    with tracking.run("prune", PRUNE) as run:
        run.artifacts("student", output)
        (output / "deep" / "confusion.png").write_bytes(b"second")
    (path,) = journal.pending()
    kept = journal.files_of(path)
    assert [str(f.relative_to(kept)) for f in kept.rglob("*") if f.is_file()] == ["student/deep/confusion.png"]
    assert (kept / "student/deep/confusion.png").read_bytes() == b"first"


def test_two_equal_points_logged_in_one_millisecond_stay_two() -> None:
    with tracking.run("prune", PRUNE):
        for _ in range(50):
            tracking.log({"train/loss": 0.5}, step=1)
    (path,) = journal.pending()
    times = [event["time"] for event in journal.read(path)]
    assert len(set(times)) == len(times) == 52


def test_a_line_torn_by_a_kill_is_left_out() -> None:
    with tracking.run("prune", PRUNE):
        (path,) = journal.pending()
    with path.open("ab") as file:
        file.write(b'{"event": "metr')
    assert events(path) == ["start", "end"]


def test_the_journal_of_a_killed_process_is_closed_as_killed_and_that_of_a_living_one_is_not() -> None:
    script = (
        "import json, os, sys, time\n"
        "from bedside import tracking\n"
        "with tracking.run('prune', json.loads(sys.argv[1])):\n"
        "    tracking.log({'train/loss': 0.5}, 1)\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, json.dumps(PRUNE)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    (path,) = journal.pending()
    journal.close_if_dead(path)
    assert events(path)[-1] == "metrics"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    journal.close_if_dead(path)
    journal.close_if_dead(path)
    assert events(path) == ["start", "metrics", "end"]
    assert journal.read(path)[-1]["status"] == "KILLED"
    assert journal.read(path)[0]["pid"] == process.pid


def test_a_full_disk_costs_a_part_of_the_record_and_not_the_work() -> None:
    script = (
        "import json, resource, sys\n"
        "from bedside import tracking\n"
        "with tracking.run('prune', json.loads(sys.argv[1])):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, -1))\n"
        "    for step in range(100): tracking.log({'train/loss': 0.5}, step)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))\n"
        "print('done')"
    )
    command = [sys.executable, "-c", script, json.dumps(PRUNE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "done\n"
    assert done.stderr.count("the record of this run has gaps") == 1
    (path,) = journal.pending()
    assert {"start", "metrics", "end"} == set(events(path))
    assert len(events(path)) < 102


def test_a_line_that_fits_the_disk_in_part_costs_that_line_alone() -> None:
    script = (
        "import json, resource, sys\n"
        "from bedside import tracking\n"
        "with tracking.run('prune', json.loads(sys.argv[1])):\n"
        "    (path,) = tracking.journal.pending()\n"
        "    tracking.log({'train/loss': 0.5}, 0)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, -1))\n"
        "    tracking.log({'train/loss': 0.5}, 1)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))\n"
        "    for step in (2, 3): tracking.log({'train/loss': 0.5}, step)\n"
    )
    command = [sys.executable, "-c", script, json.dumps(PRUNE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.count("the record of this run has gaps") == 1
    (path,) = journal.pending()
    assert [event.get("step") for event in journal.read(path)] == [None, 0, 2, 3, None]


def test_a_folder_that_cannot_be_written_costs_the_record_and_not_the_work(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "home").write_text("a file where the folder should be")
    with tracking.run("prune", PRUNE) as run:
        tracking.log({"train/loss": 0.5}, 1)
        run.artifacts("student", workspace)
    assert capsys.readouterr().err.count("this run is not recorded") == 1


def test_parameters_are_flattened_and_passwords_do_not_travel() -> None:
    record = {**PRUNE, "params": {"source": {"mirror": "https://anna:secret@host/mitdb"}, "params": {"steps": [1, 2]}}}
    start = origin.start_event("key", "ingest", record)
    assert start["params"] == {"source.mirror": "https://***@host/mitdb", "params.steps": "[1, 2]"}


def test_a_run_names_its_lineage_its_data_and_its_labels(workspace: Path) -> None:
    (workspace / "dvc.lock").write_text("stages:\n  ingest:\n    outs:\n    - path: a\n      md5: 12ab.dir\n")
    tags = origin.start_event("key", "prune", PRUNE)["tags"]
    assert tags["lineage.parent"] == "e" * 64
    assert tags["data.digest"] == "d" * 64
    assert tags["data.version"] == "12ab.dir"
    assert tags["source"] == "simulated"
    assert tags["component"] == "prune"


def test_runs_of_one_launcher_share_a_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand = origin.pipeline()
    assert str(os.getpid()) in by_hand
    origin.pipeline.cache_clear()
    monkeypatch.setenv("BEDSIDE_PIPELINE_RUN", "nightly-7")
    assert origin.pipeline() == "nightly-7"
    origin.pipeline.cache_clear()


def test_stages_started_by_dvc_belong_to_that_dvc_process(workspace: Path) -> None:
    script = "from bedside.tracking import origin; print(origin.pipeline())"
    launcher = workspace / "dvc"
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" -c "{script}"\n"{sys.executable}" -c "{script}"\n')
    launcher.chmod(0o755)
    done = subprocess.run([str(launcher)], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == second
    assert time.strftime("%Y") in first


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("artifacts/models/distilled", "prune distilled"),
        ("artifacts/verdicts/onnxruntime-cpu/combined", "prune combined onnxruntime-cpu"),
        ("artifacts/dataset", "prune dataset"),
        ("kfp/student", None),
    ],
)
def test_a_run_is_named_after_the_variant_it_makes(workspace: Path, path: str, name: str | None) -> None:
    with tracking.run("prune", PRUNE) as run:
        run.output("student", Artifact(workspace / path, {"files": {}, "labels": {}}))
    (journalled,) = journal.pending()
    tags = next(event["values"] for event in journal.read(journalled) if event["event"] == "tags")
    assert tags.get("mlflow.runName") == name
