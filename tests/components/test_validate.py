"""validate: quarantines a record that breaks a rule, refuses data that is unfit as a whole, and keeps the Data Docs."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bedside.artifacts import commit, open_artifact, staged
from bedside.datasets.simulated import Simulated
from bedside.datasets.windows import Windows, concatenate, read_windows, write_windows
from bedside.errors import RefusedError
from bedside.params import ParamsError
from bedside.params import validate as check_params
from bedside.quality.windows import WindowsSuite
from bedside.scratch import home
from bedside.tasks.ecg_beats.recordings import Recordings
from components.ingest import ingest
from components.validate import validate
from tests.cohort import Cohort, simulated_dataset


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Eight simulated patients, a minute each; never written to."""
    return simulated_dataset(tmp_path_factory.mktemp("cohort"))


def changed(path: Path, target: Path, change: Callable[[Path], None]) -> Path:
    """A copy of an artifact, changed in place by `change` and committed again."""
    with staged(target) as staging:
        shutil.copytree(path, staging, dirs_exist_ok=True)
        (staging / "manifest.json").unlink()
        change(staging)
        commit(staging, target, {"component": "test", "labels": {"source": "simulated"}})
    return target


def test_a_lead_that_is_off_is_quarantined_and_the_others_are_approved(tmp_path: Path) -> None:
    ingest(recordings=tmp_path / "recordings", source=Simulated(patients=6, seconds=60))
    validate(data=tmp_path / "recordings", report=tmp_path / "report", params=Recordings())
    report = open_artifact(tmp_path / "report")
    approval = report.json("approval.json")
    assert approval["quarantined"] == {"s008": "a lead that does not move for a second is off (flat_share is 0.5)"}
    assert approval["accepted"] == [f"s00{number}" for number in range(1, 8)]
    assert approval["data"] == open_artifact(tmp_path / "recordings").digest
    assert approval["success"] is True
    assert report.labels == {"source": "simulated"}
    assert len(report.json("table.json")) == 8
    assert "data_docs/index.html" in report.manifest["files"]


def test_a_report_of_the_same_data_has_the_same_digest(cohort: Cohort, tmp_path: Path) -> None:
    for name in ("one", "other"):
        validate(data=cohort.recordings, report=tmp_path / name, params=Recordings())
    assert open_artifact(tmp_path / "one").digest == open_artifact(tmp_path / "other").digest


def test_an_unknown_symbol_a_wrong_rate_and_a_bit_flip_are_each_quarantined_with_their_reason(
    cohort: Cohort, tmp_path: Path
) -> None:
    def damage(folder: Path) -> None:
        marks = np.frombuffer((folder / "records/s001.atr").read_bytes(), dtype="<u2").copy()
        beat = int(np.flatnonzero(marks >> 10 == 1)[0])
        marks[beat] = marks[beat] & 0x3FF | 45 << 10
        (folder / "records/s001.atr").write_bytes(marks.tobytes())
        header = folder / "records/s002.hea"
        header.write_text(header.read_text().replace("s002 2 360", "s002 2 500"))
        raw = bytearray((folder / "records/s003.dat").read_bytes())
        raw[500] ^= 8
        (folder / "records/s003.dat").write_bytes(raw)

    data = changed(cohort.recordings, tmp_path / "recordings", damage)
    validate(data=data, report=tmp_path / "report", params=Recordings(max_quarantined_share=0.5))
    quarantined = open_artifact(tmp_path / "report").json("approval.json")["quarantined"]
    assert set(quarantined) == {"s001", "s002", "s003"}
    assert "every annotation must be known to the task (unknown_symbols is '<45>')" in quarantined["s001"]
    assert "every window is cut at this rate (rate is 500)" in quarantined["s002"]
    assert "checksum" in quarantined["s003"]


def test_too_many_quarantined_records_refuse_the_cohort_and_leave_data_docs_to_read(
    cohort: Cohort, tmp_path: Path
) -> None:
    def damage(folder: Path) -> None:
        for record in ("s001", "s002", "s003"):
            (folder / f"records/{record}.dat").write_bytes(b"")

    data = changed(cohort.recordings, tmp_path / "recordings", damage)
    with pytest.raises(RefusedError, match=r"too many records are damaged .*quarantined_share is 0.3333"):
        validate(data=data, report=tmp_path / "report", params=Recordings())
    assert not (tmp_path / "report").exists()
    kept = home() / "refused/recordings"
    assert (kept / "data_docs/index.html").is_file()
    assert json.loads((kept / "approval.json").read_text())["success"] is False


def test_a_missing_class_refuses_the_cohort(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"class F must be present \(beats_F is \d+\)"):
        validate(data=cohort.recordings, report=tmp_path / "report", params=Recordings(min_beats={"F": 10_000}))


def test_windows_of_a_dataset_are_approved(cohort: Cohort, tmp_path: Path) -> None:
    metrics = validate(data=cohort.dataset, report=tmp_path / "report", params=WindowsSuite())
    approval = open_artifact(tmp_path / "report").json("approval.json")
    assert approval["success"] is True
    assert approval["suite"] == "windows"
    assert metrics["windows/accepted"] == len(open_artifact(cohort.dataset).json("dataset.json")["records"])


INPUTS = {"signal": (2, 120), "rhythm": (14,)}


def rewritten(change: Callable[[Windows], Windows]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        file = folder / "train.safetensors"
        write_windows(file, change(read_windows(file, INPUTS)))

    return apply


def with_value(name: str, value: Any) -> Callable[[Windows], Windows]:
    def change(windows: Windows) -> Windows:
        array = np.array(windows.label if name == "label" else windows.inputs[name])
        array[3] = value
        changed = {"label": array} if name == "label" else {"inputs": {**windows.inputs, name: array}}
        return dataclasses.replace(windows, **changed)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_value("signal", np.nan), "never see NaN"),
        (with_value("rhythm", np.inf), "never see NaN"),
        (with_value("signal", 900.0), "signal_high is 900"),
        (with_value("rhythm", 17.0), "rhythm_high is 17"),
        (with_value("label", 4), "label_high is 4"),
        (with_value("label", -1), "label_low is -1"),
        (lambda windows: windows[windows.label != 2], r"train: every class must be there .*V: 0 of 1"),
    ],
)
def test_one_bad_window_refuses_the_dataset(
    cohort: Cohort, tmp_path: Path, change: Callable[[Windows], Windows], reason: str
) -> None:
    data = changed(cohort.dataset, tmp_path / "dataset", rewritten(change))
    with pytest.raises(RefusedError, match=reason):
        validate(data=data, report=tmp_path / "report", params=WindowsSuite())
    table = (home() / "refused/windows/table.json").read_text()
    assert not {"NaN", "Infinity"} & set(re.findall(r"\w+", table)), "JSON has no such numbers"


def test_a_window_that_is_in_two_splits_refuses_the_dataset_by_window_and_by_person(
    cohort: Cohort, tmp_path: Path
) -> None:
    def leak(folder: Path) -> None:
        train, validation = (read_windows(folder / f"{name}.safetensors", INPUTS) for name in ("train", "validation"))
        write_windows(folder / "validation.safetensors", concatenate([validation, train[:5]]))

    data = changed(cohort.dataset, tmp_path / "dataset", leak)
    with pytest.raises(RefusedError) as refusal:
        validate(data=data, report=tmp_path / "report", params=WindowsSuite())
    assert "no window may be there twice (duplicates is 5)" in str(refusal.value)
    assert "a person may be in one split only (shared_patients is 1)" in str(refusal.value)


def test_a_record_of_a_split_without_beats_refuses_the_dataset_by_name(cohort: Cohort, tmp_path: Path) -> None:
    record = open_artifact(cohort.dataset).json("dataset.json")["splits"]["train"]["records"][0]
    index = open_artifact(cohort.dataset).json("dataset.json")["records"].index(record)
    data = changed(cohort.dataset, tmp_path / "dataset", rewritten(lambda windows: windows[windows.record != index]))
    with pytest.raises(RefusedError, match=f"train/{record}: a record in a split has beats, and this one has none"):
        validate(data=data, report=tmp_path / "report", params=WindowsSuite())


@pytest.mark.parametrize(("name", "value"), [("rate", 500.0), ("gain", 100.0), ("units", "uV")])
def test_a_limit_that_is_named_goes_before_what_ingest_found(
    cohort: Cohort, tmp_path: Path, name: str, value: object
) -> None:
    limits = Recordings.model_validate({name: value, "min_beats": {}})
    with pytest.raises(RefusedError, match="too many records are damaged"):
        validate(data=cohort.recordings, report=tmp_path / "report", params=limits)


def test_what_validate_lets_pass_prepare_takes_so_no_sample_may_be_missing(cohort: Cohort, tmp_path: Path) -> None:
    import wfdb

    def lose(folder: Path) -> None:
        signal = wfdb.rdrecord(str(folder / "records/s001"), physical=False).d_signal
        signal[5000, 1] = -2048
        wfdb.wrsamp(
            "s001",
            360.0,
            ["mV"] * 2,
            ["MLII", "V5"],
            d_signal=signal.astype(np.int64),
            fmt=["212"] * 2,
            adc_gain=[200.0] * 2,
            baseline=[1024] * 2,
            write_dir=str(folder / "records"),
        )

    data = changed(cohort.recordings, tmp_path / "recordings", lose)
    validate(data=data, report=tmp_path / "report", params=Recordings())
    quarantined = open_artifact(tmp_path / "report").json("approval.json")["quarantined"]
    assert quarantined == {"s001": "no sample may be missing (missing_share is 4.63e-05)"}
    with pytest.raises(ParamsError, match="max_missing_share: unknown parameter"):
        check_params(Recordings, {"kind": "recordings", "max_missing_share": 0.01}, "validate.recordings")


def test_a_recording_with_one_beat_is_quarantined_however_slow_a_heart_may_be(cohort: Cohort, tmp_path: Path) -> None:
    import wfdb

    def stop(folder: Path) -> None:
        wfdb.wrann("s001", "atr", np.array([5000]), ["N"], write_dir=str(folder / "records"))

    data = changed(cohort.recordings, tmp_path / "recordings", stop)
    limits = Recordings(beats_per_minute=(0.0, 250.0), max_implausible_intervals=1.0)
    validate(data=data, report=tmp_path / "report", params=limits)
    quarantined = open_artifact(tmp_path / "report").json("approval.json")["quarantined"]
    assert quarantined == {"s001": "a rhythm is between beats (beats is 1)"}


def test_a_split_that_is_missing_refuses_the_dataset(cohort: Cohort, tmp_path: Path) -> None:
    def lose(folder: Path) -> None:
        about = json.loads((folder / "dataset.json").read_text())
        del about["splits"]["validation"]
        (folder / "dataset.json").write_text(json.dumps(about))

    data = changed(cohort.dataset, tmp_path / "dataset", lose)
    with pytest.raises(RefusedError, match=r"validation: every class .*N: 0 of 1, S: 0 of 1, V: 0 of 1"):
        validate(data=data, report=tmp_path / "report", params=WindowsSuite())
