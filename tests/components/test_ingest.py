"""ingest: what comes out is as published, and what is damaged is quarantined with the reason."""

import json
import shutil
from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from bedside.datasets.mitdb import Mitdb
from bedside.datasets.simulated import Simulated
from bedside.errors import RefusedError
from components.ingest import ingest
from tests.data.mirror import publish

SMALL = Simulated(patients=3, seconds=30, lead_off=False)


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BEDSIDE_MIRROR", raising=False)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    SMALL.fetch(folder)
    return folder


@pytest.fixture
def mirror(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "mirror"))


def source(mirror: Path) -> Mitdb:
    """A publisher whose list agrees with its files, damaged or not."""
    publish(mirror)
    records = tuple(sorted(file.stem for file in mirror.glob("*.hea")))
    return Mitdb(url=str(mirror), records=records, sums_sha256=None)


def quarantine(out: Path) -> dict[str, str]:
    return dict(open_artifact(out).json("quarantine.json"))


def test_recordings_are_kept_as_published_and_described_without_personal_data(mirror: Path, tmp_path: Path) -> None:
    metrics = ingest(recordings=tmp_path / "out", source=source(mirror))
    artifact = open_artifact(tmp_path / "out")
    assert metrics["recordings/records"] == 4
    for file in mirror.iterdir():
        if file.name != "SHA256SUMS.txt":
            assert (artifact / f"records/{file.name}").read_bytes() == file.read_bytes()
    (first, *_) = artifact.json("records.json")
    assert first == {
        "record": "s001",
        "patient": "s001",
        "sex": first["sex"],
        "age_band": first["age_band"],
        "fs": 360.0,
        "leads": ["MLII", "V5"],
        "samples": 10800,
    }
    assert first["sex"] in {"F", "M"}
    assert first["age_band"] in {"<60", ">=60"}


def test_two_recordings_of_one_person_have_one_patient(tmp_path: Path) -> None:
    metrics = ingest(recordings=tmp_path / "out", source=SMALL)
    people = {row["record"]: row["patient"] for row in open_artifact(tmp_path / "out").json("records.json")}
    assert people == {"s001": "s001", "s002": "s002", "s003": "s003", "s004": "s003"}
    assert metrics["recordings/patients"] == 3
    assert [Mitdb().patient(record) for record in ("100", "201", "202")] == ["100", "201", "201"]


def test_what_is_simulated_is_labelled_so_and_what_is_real_by_its_version(mirror: Path, tmp_path: Path) -> None:
    ingest(recordings=tmp_path / "simulated", source=SMALL)
    ingest(recordings=tmp_path / "real", source=source(mirror))
    assert open_artifact(tmp_path / "simulated").labels == {"source": "simulated"}
    assert open_artifact(tmp_path / "real").labels == {"source": "mitdb-1.0.0"}


def test_the_same_source_gives_the_same_digest(tmp_path: Path) -> None:
    for name in ("one", "other"):
        ingest(recordings=tmp_path / name, source=SMALL)
    assert open_artifact(tmp_path / "one").digest == open_artifact(tmp_path / "other").digest


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("s002 2 360", "s002 2 250", "rate is 250 Hz, not 360"),
        ("200.0(1024)/mV 11 ", "200.0(1024)/uV 11 ", "unit is uV, not mV"),
        ("200.0(1024)", "100.0(1024)", "gain is 100, not 200 per mV"),
        (" 10800", " 10801", "truncated or altered"),
    ],
)
def test_an_edited_header_quarantines_its_record(mirror: Path, tmp_path: Path, old: str, new: str, reason: str) -> None:
    file = mirror / "s002.hea"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    ingest(recordings=tmp_path / "out", source=source(mirror))
    assert reason in quarantine(tmp_path / "out")["s002"]
    assert [row["record"] for row in open_artifact(tmp_path / "out").json("records.json")] == ["s001", "s003", "s004"]
    assert not list((tmp_path / "out/records").glob("s002*"))


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_a_damaged_signal_quarantines_its_record_even_if_the_publishers_digest_agrees(
    mirror: Path, tmp_path: Path, damage: str
) -> None:
    file = mirror / "s002.dat"
    raw = bytearray(file.read_bytes())
    raw[999] ^= 4
    file.write_bytes({"flip": raw, "truncate": raw[:-300], "empty": bytearray()}[damage])
    ingest(recordings=tmp_path / "out", source=source(mirror))
    assert set(quarantine(tmp_path / "out")) == {"s002"}
    assert ("checksum" if damage == "flip" else "truncated") in quarantine(tmp_path / "out")["s002"]


def test_a_record_that_could_not_be_brought_keeps_that_reason_and_says_it(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published = source(mirror)
    (mirror / "s002.dat").write_bytes(b"not what the publisher signed")
    (mirror / "s003.atr").unlink()
    ingest(recordings=tmp_path / "out", source=published)
    reasons = quarantine(tmp_path / "out")
    assert "differs from the published" in reasons["s002"]
    assert reasons["s003"] == f"s003.atr: not in the mirror {mirror}"
    assert f"quarantined s003: {reasons['s003']}" in capsys.readouterr().err
    assert [row["record"] for row in open_artifact(tmp_path / "out").json("records.json")] == ["s001", "s004"]


@pytest.mark.parametrize("byte", range(0, 32400, 3600))
def test_any_flipped_bit_is_found(mirror: Path, byte: int) -> None:
    from bedside.datasets.headers import read_header
    from bedside.datasets.recording import differences
    from bedside.datasets.samples import read_signal

    file = mirror / "s001.dat"
    raw = bytearray(file.read_bytes())
    raw[byte] ^= 1 << byte % 8
    file.write_bytes(raw)
    header = read_header(mirror / "s001.hea")
    assert differences(header, read_signal(mirror, header)) != []


def test_nothing_fit_for_use_is_refused(mirror: Path, tmp_path: Path) -> None:
    for file in mirror.glob("*.dat"):
        file.write_bytes(b"")
    with pytest.raises(RefusedError, match="no recording is fit for use"):
        ingest(recordings=tmp_path / "out", source=source(mirror))
    assert not (tmp_path / "out").exists()


def test_a_reachable_publisher_is_named_once_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--recordings", str(tmp_path / "out"), "--source", json.dumps({"kind": "mitdb", "url": "/nowhere"})]
    with pytest.raises(SystemExit) as stop:
        ingest.main(argv)
    assert str(stop.value).count("BEDSIDE_MIRROR") == 1
    assert "make demo" in str(stop.value)
    assert "Traceback" not in capsys.readouterr().err
