"""The simulated cohort is the same every time, says that it is simulated, and holds the traps it promises."""

import json
from pathlib import Path

import numpy as np
import pytest

from bedside.datasets.annotations import read_annotations
from bedside.datasets.headers import read_header
from bedside.datasets.people import describe
from bedside.datasets.recording import Header, differences
from bedside.datasets.samples import read_signal
from bedside.datasets.simulated import Simulated
from bedside.datasets.simulated_rhythm import Rhythm, beats

STEADY = Rhythm(0.8, 0.02, False, 0.1, 0.1, 0.02, 0.62)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(published: Path, tmp_path: Path) -> None:
    for name, seed in (("same", 7), ("other", 8)):
        (tmp_path / name).mkdir()
        Simulated(patients=2, seconds=30, lead_off=False, seed=seed).fetch(tmp_path / name)
    for file in published.iterdir():
        assert (tmp_path / "same" / file.name).read_bytes() == file.read_bytes()
    assert (tmp_path / "other/s001.dat").read_bytes() != (published / "s001.dat").read_bytes()


def test_a_record_does_not_depend_on_how_many_others_there_are(published: Path, tmp_path: Path) -> None:
    Simulated(patients=4, seconds=30, lead_off=False).fetch(tmp_path)
    assert (tmp_path / "s001.dat").read_bytes() == (published / "s001.dat").read_bytes()


def test_every_signal_agrees_with_its_header(published: Path) -> None:
    for file in published.glob("*.hea"):
        header = read_header(file)
        assert Simulated().mismatches(header) == []
        assert differences(header, read_signal(published, header)) == []


def test_no_record_claims_to_be_a_person_and_the_label_says_simulated(published: Path) -> None:
    for file in published.glob("*.hea"):
        assert "Simulated by bedside: no person was recorded." in read_header(file).comments
    assert Simulated().label == "simulated"


def test_the_last_patient_has_two_different_records(published: Path) -> None:
    assert [Simulated(patients=2).patient(f"s00{number}") for number in (1, 2, 3)] == ["s001", "s002", "s002"]
    first, second = (read_header(published / f"{record}.hea") for record in ("s002", "s003"))
    assert describe(first) == describe(second)
    assert (published / "s002.dat").read_bytes() != (published / "s003.dat").read_bytes()


def test_one_record_holds_its_leads_in_the_other_order_and_one_goes_flat(tmp_path: Path) -> None:
    Simulated(patients=5, seconds=20).fetch(tmp_path)
    assert [lead.name for lead in read_header(tmp_path / "s004.hea").leads] == ["MLII", "V1"]
    assert [lead.name for lead in read_header(tmp_path / "s005.hea").leads] == ["V5", "MLII"]
    flat = read_signal(tmp_path, read_header(tmp_path / "s007.hea"))
    assert np.ptp(flat[len(flat) // 2 :]) == 0


def test_the_annotated_peaks_are_where_the_beats_are(published: Path) -> None:
    header = read_header(published / "s002.hea")
    signal = read_signal(published, header)[:, header.index("MLII")].astype(float)
    marks = read_annotations(published / "s002.atr")
    normal = marks.sample[np.isin(marks.symbol, ["N", "L", "R"])]
    steepness = np.abs(np.gradient(signal))
    near = np.array([steepness[s - 14 : s + 15].max() for s in normal])
    assert np.median(near) > 4 * np.median(steepness)


def test_ventricular_beats_come_early_and_are_followed_by_a_full_pause() -> None:
    drawn = beats(STEADY, 3000, "N", np.random.default_rng(0))
    intervals = drawn.interval
    early = np.flatnonzero((drawn.symbol[:-1] == "V") & (drawn.symbol[1:] == "N"))
    pair = intervals[early] + intervals[early + 1]
    assert np.median(intervals[early]) == pytest.approx(0.62 * 0.8, rel=0.08)
    assert np.median(pair) == pytest.approx(2 * 0.8, rel=0.05)


def test_every_class_is_drawn_in_about_its_share() -> None:
    drawn = beats(STEADY, 3000, "N", np.random.default_rng(0)).symbol
    assert (drawn == "V").mean() == pytest.approx(0.1, rel=0.3)
    assert (drawn == "A").mean() == pytest.approx(0.1, rel=0.3)
    assert 0 < (drawn == "F").mean() < 0.04
    assert 0 < (drawn == "Q").mean() < 0.01


@pytest.mark.parametrize(
    ("comment", "sex", "band"),
    [
        ("69 M 1085 1629 x1", "M", ">=60"),
        ("60 F 1 2 x1", "F", ">=60"),
        ("59 F 1 2 x1", "F", "<60"),
        ("-1 M 1 2 x1", "M", "unknown"),
        ("Aldomet, Inderal", "unknown", "unknown"),
    ],
)
def test_of_a_person_only_sex_and_age_band_are_told(comment: str, sex: str, band: str) -> None:
    told = describe(Header("100", 360.0, 1, (), (comment, "Digoxin")))
    assert told == {"sex": sex, "age_band": band}
    assert "Digoxin" not in json.dumps(told)
