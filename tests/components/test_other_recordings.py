"""Recordings of another publisher go the same way, under their own name, and are judged by their own headers."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bedside.artifacts import open_artifact
from bedside.datasets.wfdb import Wfdb
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.quality.windows import WindowsSuite
from bedside.tasks.ecg_beats.recordings import Recordings
from bedside.tasks.ecg_beats.task import EcgArrhythmia
from bedside.tasks.splits.by_share import ByShare
from components.ingest import ingest
from components.prepare import prepare
from components.validate import validate
from tests.data.holter import NAMES, UNCALIBRATED, lay_out
from tests.data.mirror import publish

TASK = EcgArrhythmia(lead="ECG1", split=ByShare(test=0.34, validation=0.25, calibration=0.08))
LIMITS = Recordings(min_beats={"N": 1, "V": 1})


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror that holds `holter/2.1`; never written to."""
    mirror = tmp_path_factory.mktemp("mirror")
    lay_out(mirror)
    return mirror


@pytest.fixture(autouse=True)
def mirror(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that may be damaged, and where to look for it."""
    monkeypatch.setenv("BEDSIDE_MIRROR", str(tmp_path / "mirror"))
    return Path(shutil.copytree(published, tmp_path / "mirror"))


def source(**changes: Any) -> Wfdb:
    about = {"name": "holter", "version": "2.1", "rate": 128, "gain": 200, "sums_sha256": None}
    return Wfdb.model_validate({**about, "uncalibrated_gain": 200, **changes})


def test_they_are_prepared_under_their_own_name_and_nothing_says_mit_bih(tmp_path: Path) -> None:
    ingest(recordings=tmp_path / "recordings", source=source())
    validate(data=tmp_path / "recordings", report=tmp_path / "report", params=LIMITS)
    approval = open_artifact(tmp_path / "report").json("approval.json")
    assert (approval["accepted"], approval["quarantined"]) == (list(NAMES), {})
    prepare(
        recordings=tmp_path / "recordings",
        approval=tmp_path / "report",
        dataset=tmp_path / "dataset",
        test=tmp_path / "test",
        task=TASK,
    )
    validate(data=tmp_path / "dataset", report=tmp_path / "windows", params=WindowsSuite(min_windows={}))
    for name in ("recordings", "report", "dataset", "test", "windows"):
        artifact = open_artifact(tmp_path / name)
        assert artifact.labels["source"] == "holter-2.1"
        assert artifact.labels["assumed_gain"] == "200 in 3 of 12 recordings"
        assert "mitdb" not in (artifact.path / "manifest.json").read_text()
    about = open_artifact(tmp_path / "test").json("dataset.json")
    assert about["recording_rate"] == 128.0
    windows = load_split(open_artifact(tmp_path / "test"), "test")
    assert windows.inputs["signal"].shape[1:] == (2, 120)
    peaks = np.abs(windows.inputs["signal"][:, 0]).argmax(axis=1)
    assert abs(np.median(peaks) - 0.45 * 120) <= 2  # the R peak stands where every window has it


def test_a_record_that_was_not_calibrated_is_refused_unless_a_gain_is_stated(tmp_path: Path) -> None:
    ingest(recordings=tmp_path / "without", source=source(uncalibrated_gain=None))
    quarantine = open_artifact(tmp_path / "without").json("quarantine.json")
    assert sorted(quarantine) == sorted(UNCALIBRATED)
    assert all("state the gain to assume as source.uncalibrated_gain" in reason for reason in quarantine.values())
    assert open_artifact(tmp_path / "without").labels == {"source": "holter-2.1"}
    ingest(recordings=tmp_path / "with", source=source())
    rows = {row["record"]: row for row in open_artifact(tmp_path / "with").json("records.json")}
    assert {record for record, row in rows.items() if row.get("assumed_gain") == 200.0} == set(UNCALIBRATED)


def test_the_gain_that_was_assumed_is_the_one_that_amplitudes_follow_from(tmp_path: Path) -> None:
    sizes = {}
    for gain in (200, 100):
        ingest(recordings=tmp_path / f"{gain}", source=source(gain=None, uncalibrated_gain=gain))
        validate(data=tmp_path / f"{gain}", report=tmp_path / f"report-{gain}", params=LIMITS)
        table = open_artifact(tmp_path / f"report-{gain}").json("table.json")
        sizes[gain] = {row["row"]: row["amplitude_mv"] for row in table}
    for record in NAMES:
        doubled = 2.0 if record in UNCALIBRATED else 1.0
        assert sizes[100][record] == pytest.approx(doubled * sizes[200][record])


def test_a_stated_person_of_several_records_is_one_patient(tmp_path: Path) -> None:
    ingest(recordings=tmp_path / "out", source=source(same_person={"I101": "I100", "I102": "I100"}))
    people = [row["patient"] for row in open_artifact(tmp_path / "out").json("records.json")]
    assert people == ["I100"] * 3 + list(NAMES[3:])


def test_a_person_of_a_record_that_is_not_there_is_a_slip(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"source.same_person: holter-2.1 has no record I999"):
        ingest(recordings=tmp_path / "out", source=source(same_person={"I999": "I100"}))


def edit(file: Path, old: str, new: str) -> None:
    raw = file.read_bytes()
    assert old.encode() in raw
    file.write_bytes(raw.replace(old.encode(), new.encode(), 1))


def test_every_bad_record_is_quarantined_with_its_reason_and_the_others_go_on(mirror: Path, tmp_path: Path) -> None:
    folder = mirror / "holter/2.1"
    edit(folder / "I101.hea", "I101 2 128", "I101 2 3.6.0")
    edit(folder / "I102.hea", "I102 2 128", "I102 2 0")
    edit(folder / "I103.hea", " 200 ", " 2.0.0 ")
    edit(folder / "I105.hea", "I105 2 128", "I105 0 128")
    edit(folder / "I106.hea", " 7680", f" 7680{'0' * 30}")
    edit(folder / "I107.hea", " 200 ", " 200/mmHg ")
    (folder / "I109.atr").write_bytes(np.array([1 << 10 | 100, 0, 1 << 10 | 100, 0], dtype="<u2").tobytes())
    (folder / "I110.atr").write_bytes(np.array([1 << 10 | 100, 59 << 10, 0, 9000, 1 << 10, 0], dtype="<u2").tobytes())
    (folder / "I111.hea").write_bytes(bytes(range(256)))
    publish(folder)
    ingest(recordings=tmp_path / "out", source=source())
    quarantine = open_artifact(tmp_path / "out").json("quarantine.json")
    expected = {
        "I101": "I101.hea: rate is no number",
        "I102": "I102.hea: rate is not above 0 Hz",
        "I103": "I103.hea: ECG1: its gain is no number, with or without (baseline) and /unit",
        "I105": "I105.hea: has no leads, so there is no signal",
        "I106": "I106.hea: number of samples is no whole number",
        "I107": "ECG1: unit is mmHg, not mV",
        "I109": "I109.atr: goes on after its end mark",
        "I110": "1 annotations lie beyond its end (up to sample 9100 of 7680)",
        "I111": "I111.hea: does not begin with a record's name and its number of leads",
    }
    assert {record: reason[: len(expected[record])] for record, reason in quarantine.items()} == expected
    kept = [row["record"] for row in open_artifact(tmp_path / "out").json("records.json")]
    assert kept == [name for name in NAMES if name not in expected]


def test_a_signal_that_its_own_converter_cuts_off_is_quarantined(mirror: Path, tmp_path: Path) -> None:
    import wfdb

    folder = mirror / "holter/2.1"
    signal = np.tile([[511], [-512], [40], [-40]], (1920, 2))
    wfdb.wrsamp(
        "I101",
        128,
        ["mV"] * 2,
        ["ECG1", "ECG2"],
        d_signal=signal,
        fmt=["212"] * 2,
        adc_gain=[200.0] * 2,
        baseline=[0] * 2,
        write_dir=str(folder),
    )
    edit(folder / "I101.hea", " 12 0 ", " 10 0 ")
    publish(folder)
    ingest(recordings=tmp_path / "out", source=source())
    validate(data=tmp_path / "out", report=tmp_path / "report", params=LIMITS)
    quarantined = open_artifact(tmp_path / "report").json("approval.json")["quarantined"]
    assert quarantined == {"I101": "the converter must not cut the signal off (clipped_share is 0.5)"}


def test_a_list_without_recordings_says_so(mirror: Path, tmp_path: Path) -> None:
    (mirror / "holter/2.1/SHA256SUMS.txt").write_text(f"{'0' * 64} patient1/I100.hea\n")
    with pytest.raises(RefusedError, match=r"SHA256SUMS.txt lists no recording \(a .hea that lies beside it\)"):
        ingest(recordings=tmp_path / "out", source=source())


def test_a_rate_that_is_not_what_the_headers_say_quarantines_all_and_says_which(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"no recording is fit for use \(I100: rate is 128 Hz, not 250"):
        ingest(recordings=tmp_path / "out", source=source(rate=250))


def test_a_lead_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    ingest(recordings=tmp_path / "recordings", source=source())
    validate(data=tmp_path / "recordings", report=tmp_path / "report", params=LIMITS)
    with pytest.raises(RefusedError, match=r"I1\d\d: no lead 'MLII'; it has ECG1, ECG2; name one, or leave the record"):
        prepare(
            recordings=tmp_path / "recordings",
            approval=tmp_path / "report",
            dataset=tmp_path / "dataset",
            test=tmp_path / "test",
            task=TASK.model_copy(update={"lead": "MLII"}),
        )
