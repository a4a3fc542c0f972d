"""Any database in WFDB format: rates of its own, other annotators, formats that only the WFDB library reads."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bedside.artifacts import open_artifact, sha256
from bedside.datasets.reading import read
from bedside.datasets.simulated import Simulated
from bedside.datasets.wfdb import Wfdb
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.stages.ingest import ingest
from bedside.stages.prepare import prepare
from bedside.stages.validate import validate
from bedside.tasks.ecg_beats.recordings import Recordings
from bedside.tasks.ecg_beats.task import EcgArrhythmia
from bedside.tasks.splits.by_share import ByShare


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen people, half of them recorded at 250 Hz and half at 360 Hz; never written to."""
    folder = tmp_path_factory.mktemp("mixed")
    Simulated(patients=16, seconds=60, lead_off=False).fetch(folder)
    Simulated(patients=8, seconds=60, rate=250.0, lead_off=False).fetch(folder)
    for file in folder.glob("s017*"):
        file.unlink()
    return listed(folder)


def listed(folder: Path) -> Path:
    """The publisher's list, of all its files."""
    files = sorted(file for file in folder.iterdir() if file.name != "SHA256SUMS.txt")
    (folder / "SHA256SUMS.txt").write_text("".join(f"{sha256(file)}  {file.name}\n" for file in files))
    return folder


@pytest.fixture
def place(mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that may be changed."""
    monkeypatch.delenv("BEDSIDE_MIRROR", raising=False)
    return Path(shutil.copytree(mixed, tmp_path / "place"))


def brought(place: Path, out: Path, **changes: Any) -> Any:
    ingest(recordings=out, source=Wfdb.model_validate(SOURCE | {"url": str(place), **changes}))
    return open_artifact(out)


SOURCE: dict[str, Any] = {"name": "ward", "version": "1.0", "sums_sha256": None}


def test_recordings_of_two_rates_become_windows_of_one(place: Path, tmp_path: Path) -> None:
    made = brought(place, tmp_path / "recordings")
    assert {row["fs"] for row in made.json("records.json")} == {250.0, 360.0}
    validate(data=tmp_path / "recordings", report=tmp_path / "report", params=Recordings(min_beats={"N": 1}))
    assert open_artifact(tmp_path / "report").json("approval.json")["quarantined"] == {}
    outs = {name: tmp_path / name for name in ("dataset", "test")}
    task = EcgArrhythmia(split=ByShare(test=0.4, validation=0.2, calibration=0.1))
    prepare(recordings=tmp_path / "recordings", approval=tmp_path / "report", **outs, task=task)
    windows = load_split(open_artifact(tmp_path / "test"), "test")
    about = open_artifact(tmp_path / "test").json("dataset.json")
    rates = {row["record"]: row["fs"] for row in made.json("records.json")}
    assert len({rates[record] for record in about["records"]}) == 2
    assert "recording_rate" not in about  # each record has its own; its length is said in seconds
    assert all(abs(length - 60) < 0.01 for length in about["seconds"].values())
    for at, record in enumerate(about["records"]):
        own = windows.inputs["signal"][(windows.record == at) & (windows.label == 0), 0]
        assert abs(np.median(np.abs(own).argmax(axis=1)) - 0.45 * 120) <= 2, record


def test_a_named_rate_quarantines_the_others_by_name(place: Path, tmp_path: Path) -> None:
    reasons = brought(place, tmp_path / "out", rate=360).json("quarantine.json")
    assert reasons == {f"s{number:03d}": "rate is 250 Hz, not 360" for number in range(1, 10)}


def test_records_are_named_by_a_pattern_and_people_by_another(place: Path, tmp_path: Path) -> None:
    made = brought(place, tmp_path / "out", records=r"s00\d", subject=r"s0(0[1-4])|nobody")
    assert [(row["record"], row["patient"]) for row in made.json("records.json")] == [
        (f"s00{number}", f"0{number}") for number in range(1, 5)
    ]
    assert made.json("quarantine.json")["s005"] == "s005: source.subject finds no subject in its name"
    with pytest.raises(RefusedError, match=r"source\.records: ward-1\.0 has no record that x\.\* fits"):
        brought(place, tmp_path / "none", records="x.*")


def test_another_annotator_is_kept_and_its_name_travels(place: Path, tmp_path: Path) -> None:
    for file in sorted(place.glob("*.atr")):
        file.rename(file.with_suffix(".qrs"))
    made = brought(listed(place), tmp_path / "out", annotator="qrs")
    assert made.labels == {"source": "ward-1.0", "annotator": "qrs"}
    assert made.read("records/s003.atr") == (place / "s003.qrs").read_bytes()
    assert not list((tmp_path / "out/records").glob("*.qrs"))
    with pytest.raises(RefusedError, match=r"s001.atr: not in the publisher's SHA256SUMS.txt"):
        brought(place, tmp_path / "none")


@pytest.mark.parametrize("kind", ["24", "32"])
def test_a_format_that_is_not_read_here_is_converted_and_has_the_same_values(
    place: Path, tmp_path: Path, kind: str
) -> None:
    before = read(place, {"record": "s003"})
    rewritten(place, "s003", kind, before.signal.astype(np.int64))
    rewritten(place, "s004", kind, before.signal.astype(np.int64) * 100)
    rewritten(place, "s005", kind, before.signal.astype(np.int64))
    header = (place / "s005.hea").read_text()
    (place / "s005.hea").write_text(header.replace(" 0 MLII", " 0 MLII", 1).replace(checksum(header), "1", 1))
    made = brought(listed(place), tmp_path / "out")
    after = read(tmp_path / "out/records", {"record": "s003"})
    assert np.array_equal(after.signal, before.signal)
    assert [lead.gain for lead in after.header.leads] == [lead.gain for lead in before.header.leads]
    assert after.header.comments == before.header.comments
    assert after.annotations.sample.tolist() == before.annotations.sample.tolist()
    reasons = made.json("quarantine.json")
    assert reasons["s004"] == f"s004.dat: its values of format {kind} do not fit into 16 bits; scale them down"
    assert reasons["s005"] == "s005.dat: lead 0: its checksum differs from the header's"


def rewritten(place: Path, record: str, kind: str, values: Any) -> None:
    """The record in another format, as the WFDB library writes it."""
    import wfdb

    found = wfdb.rdheader(str(place / record))
    names = ("fs", "units", "sig_name", "adc_gain", "baseline", "adc_zero", "comments")
    about = {name: getattr(found, name) for name in names}
    made = wfdb.Record(record_name=record, d_signal=values, fmt=[kind] * 2, adc_res=[11] * 2, **about)
    made.set_d_features()
    made.set_defaults()
    made.wrsamp(write_dir=str(place))


def checksum(header: str) -> str:
    """Of the first lead."""
    return header.splitlines()[1].split()[6]
