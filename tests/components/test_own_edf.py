"""EDF recordings of one's own, to epochs with labels; what is wrong with them is named."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bedside.artifacts import open_artifact
from bedside.datasets.base import Source
from bedside.datasets.reading import read
from bedside.datasets.recording import millivolts
from bedside.datasets.tables.files import digest_of
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.params import ParamsError, validate
from bedside.quality.signals import Signals
from bedside.quality.windows import WindowsSuite
from bedside.stages.ingest import ingest
from bedside.stages.prepare import prepare
from bedside.stages.validate import validate as judge
from bedside.tasks.base import Task
from bedside.tasks.epochs.task import Epochs
from tests.cohort import approve
from tests.support.edf import CHANNELS, RATE, physical, signals, write

SOURCE: dict[str, Any] = {
    "kind": "edf",
    "path": "data/night",
    "name": "night",
    "channels": ["EEG Fz", "EEG O1"],
    "subject": r"^(S\d+)_",
}
OUTCOME = {
    "classes": ["rest", "task"],
    "background": "rest",
    "macro": {"classes": ["rest", "task"]},
    "watched": ["task"],
    "unit": {"one": "epoch", "many": "epochs"},
}
TASK: dict[str, Any] = {
    "kind": "epochs",
    "outcome": OUTCOME,
    "channels": ["EEG O1", "EEG Fz"],
    "rate": 64,
    "seconds": 4,
    "by_record": {"_1$": "rest", "_2$": "task"},
    "split": {"kind": "by-share", "test": 0.34, "validation": 0.17, "calibration": 0.17},
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with six people, each recorded at rest and busy."""
    monkeypatch.chdir(tmp_path)
    for person in range(6):
        for part in (1, 2):
            write(tmp_path / f"data/night/S{person}_{part}.edf", signals(person, fast=part == 2))
    return tmp_path


def stated(**changes: Any) -> Any:
    raw = {**SOURCE, **changes}
    return Source.build({"sha256": digest_of(sorted(Path(raw["path"]).glob("*.edf"))), **raw})


def brought(out: str = "recordings", **changes: Any) -> Any:
    ingest(recordings=Path(out), source=stated(**changes))
    return open_artifact(Path(out))


def prepared(**task: Any) -> Any:
    if not Path("report").exists():
        approve(Path("recordings"), Path("report"))
    made = {name: Path(name) for name in ("dataset", "test")}
    prepare(recordings=Path("recordings"), approval=Path("report"), **made, task=Task.build({**TASK, **task}))
    return open_artifact(Path("dataset")), open_artifact(Path("test"))


def test_recordings_become_epochs_that_validation_accepts() -> None:
    source = stated()
    made = brought()
    assert made.labels == {"source": f"night-{source.sha256[:12]}"}
    row = made.json("records.json")[0]
    assert (row["record"], row["patient"], row["fs"], row["samples"]) == ("S0_1", "S0", 128.0, 40 * RATE)
    assert row["leads"] == ["EEG Fz", "EEG O1"]
    judge(data=Path("recordings"), report=Path("report"), params=Signals())
    assert open_artifact(Path("report")).json("approval.json")["quarantined"] == {}
    dataset, test = prepared()
    judge(data=Path("dataset"), report=Path("windows-report"), params=WindowsSuite())
    about = test.json("dataset.json")
    assert about["inputs"] == [{"name": "signal", "shape": [2, 256]}]
    assert (about["recording_rate"], set(about["seconds"].values())) == (128.0, {40.0})
    windows = load_split(test, "test")
    assert len(windows) == 10 * len(about["records"])
    assert windows.sample[:3].tolist() == [0, 512, 1024]
    assert about["splits"]["test"]["counts"] == {"rest": 20, "task": 20, "unscored": 0}
    strongest = np.abs(np.fft.rfft(windows.inputs["signal"], axis=-1)).argmax(axis=-1) / 4  # Hz
    assert (strongest[windows.label == 0] == 10).all()
    assert (strongest[windows.label == 1] == 20).all()
    assert dataset.json("dataset.json")["scale"]["signal"]["deviation"] != []


def test_the_kept_values_are_those_of_the_file_to_a_step_of_its_converter() -> None:
    brought()
    recording = read(Path("recordings/records"), {"record": "S3_2", "annotated": False})
    for column, name in enumerate(SOURCE["channels"]):
        kept = millivolts(recording.signal[:, column], recording.header.leads[column]) * 1000
        asked = CHANNELS.index(name)
        step = (400 + asked) / 65535
        assert np.abs(kept - physical(Path("data/night/S3_2.edf"), asked)).max() < 0.501 * step  # its zero is rounded
        assert np.abs(kept - signals(3, fast=True)[asked]).max() < 1.6 * step


def test_nothing_of_the_patient_in_the_header_is_kept() -> None:
    made = brought()
    for name in made.manifest["files"]:
        assert b"Secret" not in made.read(name)


def test_every_bad_file_is_quarantined_by_name_and_the_others_go_on(project: Path) -> None:
    folder = project / "data/night"
    dead, gone = signals(0, fast=False), folder / "S1_1.edf"
    dead[2] = 12.5
    write(folder / "S0_1.edf", dead)
    gone.write_bytes(gone.read_bytes()[:-1000])
    write(folder / "S2_1.edf", signals(2, fast=False), channels=("EEG Fz", "EEG Cz", "EEG Oz"))
    write(folder / "S3_1.edf", signals(3, fast=False), unit="mmHg")
    write(folder / "S4_1.edf", signals(4, fast=False), rates=(128, 128, 64))
    write(folder / "S5_1.edf", signals(5, fast=False), rates=(64, 64, 64))
    write(folder / "X_1.edf", signals(9, fast=False))
    (folder / "S9_1.edf").write_text("nothing of the kind")
    reasons = brought(rate=128).json("quarantine.json")
    expected = {
        "S0_1": "S0_1.edf: EEG O1 is dead: it has one value throughout",
        "S1_1": "S1_1.edf: cannot be read as EDF (",
        "S2_1": "S2_1.edf: no channel 'EEG O1' among its 3",
        "S3_1": "S3_1.edf: EEG Fz: its unit is none of voltage",
        "S4_1": "S4_1.edf: its channels are of 2 rates; name channels of one",
        "S5_1": "S5_1.edf: its rate is 64 Hz, not 128",
        "S9_1": "S9_1.edf: cannot be read as EDF (",
        "X_1": "X_1: source.subject finds no subject in its name",
    }
    assert {record: reason[: len(expected[record])] for record, reason in reasons.items()} == expected
    assert sorted(Path("recordings/records").glob("S0_1*")) == []


def test_a_channel_that_is_off_for_a_while_is_quarantined_by_validation(project: Path) -> None:
    off = signals(0, fast=False)
    off[0, len(off[0]) // 2 :] = 0
    write(project / "data/night/S0_1.edf", off)
    brought()
    judge(data=Path("recordings"), report=Path("report"), params=Signals())
    quarantined = open_artifact(Path("report")).json("approval.json")["quarantined"]
    assert list(quarantined) == ["S0_1"]
    assert "a lead that does not move for a second is off" in quarantined["S0_1"]


def test_recordings_of_several_rates_become_windows_of_one(project: Path) -> None:
    for part in (1, 2):
        slower = signals(5, fast=part == 2)
        write(project / f"data/night/S5_{part}.edf", slower, rates=(64, 64, 64))
    brought()
    dataset, test = prepared(rate=32)
    assert dataset.json("dataset.json")["inputs"] == [{"name": "signal", "shape": [2, 128]}]
    parts = [artifact.json("dataset.json") for artifact in (dataset, test)]
    assert [("recording_rate" in about) for about in parts].count(False) == 1  # the part with S5 has no rate of its own


def test_annotations_label_the_epochs_that_they_cover(project: Path) -> None:
    spans = [(0.0, 0.0, "Recording starts"), (0.0, 8.0, "calm"), (8.0, 12.0, "sums"), (30.0, 4.0, "artefact")]
    for person in range(6):
        write(project / f"data/night/S{person}_1.edf", signals(person, fast=False), annotations=spans)
        (project / f"data/night/S{person}_2.edf").unlink()
    brought()
    meanings = {"calm": "rest", "sums": "task", "artefact": None, "Recording starts": None}
    _, test = prepared(by_record=None, by_annotation=meanings)
    assert load_split(test, "test").label[:10].tolist() == [0, 0, 1, 1, 1, -1, -1, -1, -1, -1]
    del meanings["artefact"]
    with pytest.raises(
        RefusedError, match=r"S\d_1: the label 'artefact' is not known .* known are 'calm', 'sums', 'Rec"
    ):
        prepared(by_record=None, by_annotation=meanings)


def test_a_table_labels_whole_recordings(project: Path) -> None:
    rows = [f"S{person}_{part},{'busy' if part == 2 else 'calm'}" for person in range(6) for part in (1, 2)]
    table = project / "data/labels.csv"
    table.write_text("\n".join(["record,label", *rows]))
    brought()
    by_table = {"path": "data/labels.csv", "sha256": digest_of([table]), "labels": {"calm": "rest", "busy": "task"}}
    _, test = prepared(by_record=None, by_table=by_table)
    assert test.json("dataset.json")["splits"]["test"]["counts"] == {"rest": 20, "task": 20, "unscored": 0}
    with pytest.raises(RefusedError, match=r"the label 'busy' is not known .* Say in task.by_table.labels"):
        prepared(by_record=None, by_table={**by_table, "labels": {"calm": "rest"}})
    table.write_text("\n".join(["record,label", *rows[:-4]]))
    with pytest.raises(RefusedError, match=r"task\.by_table\.sha256: data/labels\.csv has"):
        prepared(by_record=None, by_table=by_table)
    with pytest.raises(RefusedError, match=r"S[45]_[12] has 0 labels in data/labels\.csv; one is needed"):
        prepared(by_record=None, by_table={**by_table, "sha256": digest_of([table])})


def test_a_record_that_fits_no_pattern_or_two_is_refused_by_name() -> None:
    brought()
    with pytest.raises(RefusedError, match=r"S\d_2 fits 0 patterns of task.by_record \(_1\$\); one is needed"):
        prepared(by_record={"_1$": "rest"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by_record": None}, "one of by_record, by_table, by_annotation says what an epoch is; here are none"),
        ({"by_annotation": {"calm": "rest"}}, "here are by_record, by_annotation"),
        ({"by_record": {"_1$": "calm"}}, "by_record._1$: no class 'calm'; there are rest, task"),
        ({"by_record": {"_(1$": "rest"}}, "by_record: '_(1$' is no regular expression"),
        ({"seconds": 0.001}, "has no samples; widen it"),
    ],
)
def test_a_slip_in_the_task_is_refused_with_its_path(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(message)):
        validate(Epochs, {**TASK, **change}, "task")


def test_a_rate_that_no_filter_joins_is_an_objection_before_anything_runs() -> None:
    (objection,) = Task.build({**TASK, "rate": 64.0001}).objections(stated(rate=128))
    assert objection.startswith("rate: 128 Hz cannot become 64.0001 Hz in few steps")


@pytest.mark.slow
def test_a_published_database_goes_the_same_way() -> None:
    """EEG During Mental Arithmetic Tasks (Zyma 2019), where a mirror of it lies beside the tests' own."""
    folder = Path(os.environ.get("BEDSIDE_MIRROR", "")) / "eegmat-128hz/1.0.0"
    if not folder.is_dir():
        pytest.skip("no mirror of the database here")
    Path("published").symlink_to(folder)
    made = brought(path="published", channels=["EEG Fz", "EEG Pz"], subject=r"^(Subject\d+)_")
    assert made.json("quarantine.json") == {}
    judge(data=Path("recordings"), report=Path("report"), params=Signals(max_flat_share=0.05))  # some end in silence
    dataset, _ = prepared(channels=["EEG Fz", "EEG Pz"], rate=128)
    judge(data=Path("dataset"), report=Path("windows-report"), params=WindowsSuite())
    assert len(dataset.json("dataset.json")["patients"]) > 20
