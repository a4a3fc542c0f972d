"""prepare: splits without a common person, with the proof; only approved recordings get in."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bedside.artifacts import open_artifact
from bedside.datasets.inputs import not_finite
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.outcome import Outcome
from bedside.tasks.assemble import sound
from bedside.tasks.base import RecordWindows
from bedside.tasks.ecg_beats.outcome import OUTCOME
from bedside.tasks.ecg_beats.task import EcgArrhythmia
from bedside.tasks.splits.by_share import ByShare
from components.prepare import prepare
from tests.cohort import Cohort, approve, simulated_dataset
from tests.support.copies import altered, renamed, shifted

LEARNED = ("train", "validation", "calibration")


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Eight simulated patients, a minute each; never written to."""
    return simulated_dataset(tmp_path_factory.mktemp("cohort"))


def again(
    cohort: Cohort, folder: Path, recordings: Path | None = None, approval: Path | None = None, **task: Any
) -> Cohort:
    """Prepare once more into `folder`, from other recordings or with another approval."""
    recordings = recordings or cohort.recordings
    approval = approval or approve(recordings, folder / "approval")
    made = Cohort(recordings, approval, folder / "dataset", folder / "test")
    split = ByShare(test=0.38, validation=0.25, calibration=0.12)
    prepare(
        recordings=recordings,
        approval=approval,
        dataset=made.dataset,
        test=made.test,
        task=EcgArrhythmia(**{"split": split, **task}),
    )
    return made


def changed(cohort: Cohort, folder: Path, change: Any) -> Path:
    """A copy of the cohort's recordings, changed and committed again."""
    return altered(cohort.recordings, folder / "recordings", change)


def test_the_dataset_and_the_test_artifact_describe_themselves(cohort: Cohort) -> None:
    dataset, test = open_artifact(cohort.dataset), open_artifact(cohort.test)
    about = dataset.json("dataset.json")
    assert Outcome.of(about, "", "") == OUTCOME
    assert about["inputs"] == [{"name": "signal", "shape": [2, 120]}, {"name": "rhythm", "shape": [14]}]
    assert set(about["splits"]) == set(LEARNED)
    assert set(test.json("dataset.json")["splits"]) == {"test"}
    assert "test.safetensors" not in dataset.manifest["files"]
    assert dataset.labels == test.labels
    assert dataset.labels["source"] == "simulated"


def test_a_label_tells_apart_whom_a_network_may_have_learned_from(cohort: Cohort, tmp_path: Path) -> None:
    def label(name: str, **shares: float) -> str:
        test = open_artifact(again(cohort, tmp_path / name, split=ByShare(**shares)).test)
        return test.labels["learned_from"]

    same = label("same", test=0.38, validation=0.25, calibration=0.12)
    assert same == open_artifact(cohort.dataset).labels["learned_from"]
    assert same == label("divided otherwise", test=0.38, validation=0.12, calibration=0.25)
    assert same != label("a smaller test", test=0.25, validation=0.25, calibration=0.12)


def test_counts_records_and_patients_agree_with_the_windows(cohort: Cohort) -> None:
    for path, splits in ((cohort.dataset, LEARNED), (cohort.test, ("test",))):
        artifact = open_artifact(path)
        about = artifact.json("dataset.json")
        for split in splits:
            windows = load_split(artifact, split)
            told = about["splits"][split]
            assert {about["records"][i] for i in np.unique(windows.record)} == set(told["records"])
            assert {about["patients"][i] for i in np.unique(windows.patient)} == set(told["patients"])
            for label, name in enumerate(about["outcome"]["classes"]):
                assert (windows.label == label).sum() == told["counts"][name]
            assert not len(not_finite(windows.inputs))


def test_unclassifiable_beats_are_kept_for_the_test_table_and_never_learned(cohort: Cohort, tmp_path: Path) -> None:
    from bedside.datasets.annotations import read_annotations

    made = again(cohort, tmp_path, split=ByShare(test=0.5, validation=0.2, calibration=0.15))
    test = open_artifact(made.test)
    unscored = 0
    for record in test.json("dataset.json")["records"]:
        symbols = read_annotations(made.recordings / f"records/{record}.atr").symbol
        unscored += int((symbols == "Q").sum())
    assert (load_split(test, "test").label == -1).sum() == unscored
    for split in LEARNED:
        assert load_split(open_artifact(made.dataset), split).label.min() >= 0


def test_the_proof_covers_every_pair_of_splits(cohort: Cohort) -> None:
    for path in (cohort.dataset, cohort.test):
        proof = open_artifact(path).json("dataset.json")["proof"]
        pairs = ["train/validation", "train/calibration", "train/test", "validation/calibration"]
        assert set(proof["overlaps"]) == {*pairs, "validation/test", "calibration/test"}
        assert all(set(pair.values()) == {0} for pair in proof["overlaps"].values())
        assert all(split["windows"] > 0 for split in proof["splits"].values())


def test_both_recordings_of_one_person_are_in_one_split(cohort: Cohort) -> None:
    parts = [open_artifact(p).json("dataset.json")["splits"] for p in (cohort.dataset, cohort.test)]
    homes = [name for splits in parts for name, told in splits.items() if {"s008", "s009"} & set(told["records"])]
    assert len(homes) == 1


def test_the_same_recordings_give_the_same_digests(cohort: Cohort, tmp_path: Path) -> None:
    made = again(cohort, tmp_path)
    assert open_artifact(made.dataset).digest == open_artifact(cohort.dataset).digest
    assert open_artifact(made.test).digest == open_artifact(cohort.test).digest


def test_a_renamed_copy_of_a_person_is_refused(cohort: Cohort, tmp_path: Path) -> None:
    test = open_artifact(cohort.test).json("dataset.json")["records"][0]
    train = open_artifact(cohort.dataset).json("dataset.json")["splits"]["train"]["records"][0]

    with pytest.raises(RefusedError, match=r"train and test share 1 records, \d+ windows"):
        again(cohort, tmp_path, changed(cohort, tmp_path, lambda folder, _: renamed(folder, train, test)))


def test_a_person_under_two_names_is_found_by_the_windows_when_the_start_was_cut_off(
    cohort: Cohort, tmp_path: Path
) -> None:
    test = open_artifact(cohort.test).json("dataset.json")["records"][0]
    train = open_artifact(cohort.dataset).json("dataset.json")["splits"]["train"]["records"][0]

    with pytest.raises(RefusedError, match=r"train and test share \d+ windows"):
        again(cohort, tmp_path, changed(cohort, tmp_path, lambda folder, _: shifted(folder, train, test, 777)))


def test_a_quarantined_record_gets_into_no_split(cohort: Cohort, tmp_path: Path) -> None:
    train = open_artifact(cohort.dataset).json("dataset.json")["splits"]["train"]["records"][0]
    names = [row["record"] for row in open_artifact(cohort.recordings).json("records.json")]
    approval = approve(cohort.recordings, tmp_path / "approval", [name for name in names if name != train])
    made = again(cohort, tmp_path, approval=approval)
    used = [open_artifact(p).json("dataset.json")["records"] for p in (made.dataset, made.test)]
    assert train not in {record for records in used for record in records}


def test_an_approval_of_other_data_is_refused(cohort: Cohort, tmp_path: Path) -> None:
    other = changed(cohort, tmp_path, lambda _, rows: rows.pop())
    with pytest.raises(RefusedError, match="judges other data"):
        again(cohort, tmp_path, recordings=other, approval=cohort.approval)


def test_data_that_was_not_approved_is_refused(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="was not approved"):
        again(cohort, tmp_path, approval=approve(cohort.recordings, tmp_path / "approval", []))


def test_an_empty_split_is_refused_by_name(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no record is left for calibration"):
        again(cohort, tmp_path, split=ByShare(test=0.5, validation=0.3, calibration=0.001))
    assert not (tmp_path / "dataset").exists()


def test_an_input_with_a_name_that_its_labels_bear_is_refused() -> None:
    arrays = {"wave": np.zeros((4, 2, 5), np.float32), "label": np.zeros((4, 3), np.float32)}
    windows = RecordWindows(arrays, label=np.zeros(4, np.int64), sample=np.arange(4), digests=frozenset())
    with pytest.raises(RefusedError, match="an input of the task is called label"):
        sound("117", windows)


@pytest.mark.parametrize(("name", "value"), [("signal", np.nan), ("rhythm", -np.inf)])
def test_a_window_that_is_not_finite_is_refused_by_its_record_and_sample(name: str, value: float) -> None:
    arrays = {"signal": np.zeros((4, 2, 5), np.float32), "rhythm": np.zeros((4, 3), np.float32)}
    arrays[name][2:].flat[0] = value
    windows = RecordWindows(arrays, label=np.zeros(4, np.int64), sample=np.arange(4) * 100, digests=frozenset())
    with pytest.raises(RefusedError, match=r"^the window of record 117 at sample 200 holds numbers .* \(so do 1 of 4"):
        sound("117", windows)
