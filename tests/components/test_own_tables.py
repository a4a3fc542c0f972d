"""Windows of one's own, from CSV, Parquet or NumPy, to datasets; what is wrong with them is named."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bedside.artifacts import open_artifact
from bedside.datasets.base import Source
from bedside.datasets.tables.files import digest_of
from bedside.datasets.windows import load_split
from bedside.errors import RefusedError
from bedside.params import ParamsError, validate
from bedside.quality.tables import TableSuite
from bedside.quality.windows import WindowsSuite
from bedside.stages.ingest import ingest
from bedside.stages.prepare import prepare
from bedside.stages.validate import validate as judge
from bedside.tasks.base import Task
from bedside.tasks.windows.task import Windows
from tests.cohort import approve
from tests.support.tables import PATIENTS, SOURCE, TASK, WINDOWS, frame, write_csv


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, in which paths begin."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stated(**changes: Any) -> Any:
    """The source of the test's table with the digest that its file has now."""
    raw = {**SOURCE, **changes}
    path = Path(raw["path"])
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return Source.build({"sha256": digest_of(files), **raw})


def brought(source: Any, out: str = "recordings") -> Any:
    ingest(recordings=Path(out), source=source)
    return open_artifact(Path(out))


def prepared(recordings: Path = Path("recordings"), **task: Any) -> Any:
    approval = recordings.parent / f"{recordings.name}-report"
    if not approval.exists():
        approve(recordings, approval)
    prepare(
        recordings=recordings,
        approval=approval,
        dataset=Path("dataset"),
        test=Path("test"),
        task=Task.build({**TASK, **task}),
    )
    return open_artifact(Path("dataset")), open_artifact(Path("test"))


def test_a_table_becomes_datasets_that_validation_accepts() -> None:
    write_csv(Path("data/windows.csv"))
    source = stated()
    made = brought(source)
    assert made.json("quarantine.json") == {}
    assert made.labels == {"source": f"windows-{source.sha256[:12]}"}
    assert made.json("records.json")[0] == {
        "record": "p00",
        "patient": "p00",
        "labels": {"0": 7, "1": 4, "?": 1},
        "windows": WINDOWS,
    }
    judge(data=Path("recordings"), report=Path("recordings-report"), params=TableSuite())
    dataset, test = prepared()
    judge(data=Path("dataset"), report=Path("dataset-report"), params=WindowsSuite())
    about = dataset.json("dataset.json")
    assert about["inputs"] == [{"name": "signal", "shape": [1, 16]}, {"name": "features", "shape": [2]}]
    assert about["outcome"]["classes"] == ["quiet", "event"]
    assert "seconds" not in about
    assert "recording_rate" not in about
    tested = load_split(test, "test")
    patients = len(test.json("dataset.json")["patients"])
    assert (tested.label == -1).sum() == patients  # the window that nobody could name is counted, and never learned
    assert load_split(dataset, "train").label.min() == 0


def test_the_numbers_are_those_of_the_file_and_are_scaled_by_training_windows_alone() -> None:
    write_csv(Path("data/windows.csv"))
    brought(stated())
    dataset, test = prepared()
    scale = dataset.json("dataset.json")["scale"]
    train = load_split(dataset, "train")
    assert np.allclose(train.inputs["features"].mean(axis=0), 0, atol=1e-5)
    assert np.allclose(train.inputs["features"].std(axis=0), 1, atol=1e-5)
    tested, table = load_split(test, "test"), frame()
    mean, deviation = (np.array(scale["features"][key]) for key in ("mean", "deviation"))
    expected = (table.loc[tested.sample - 1, ["age", "hr"]].to_numpy(np.float32) - mean) / deviation
    assert np.allclose(tested.inputs["features"], expected, atol=1e-4)


def test_without_a_scale_the_numbers_are_those_of_the_file() -> None:
    write_csv(Path("data/windows.csv"))
    brought(stated())
    _, test = prepared(scale="none")
    tested, table = load_split(test, "test"), frame()
    columns = [f"x_{at}" for at in range(16)]
    assert np.array_equal(tested.inputs["signal"][:, 0], table.loc[tested.sample - 1, columns].to_numpy(np.float32))


def test_csv_parquet_and_numpy_give_the_same_windows(project: Path) -> None:
    table = frame()
    write_csv(Path("data/windows.csv"), table)
    nested = table[["patient", "what", "age", "hr"]].assign(
        x=list(table[[f"x_{at}" for at in range(16)]].to_numpy()), what=table["what"]
    )
    nested.to_parquet("data/windows.parquet")
    table.to_parquet("data/flat.parquet")
    arrays: dict[str, Any] = {
        "x": table[[f"x_{at}" for at in range(16)]].to_numpy(),
        "f": table[["age", "hr"]].to_numpy(),
    }
    np.savez("data/windows.npz", patient=table["patient"].to_numpy(str), what=table["what"].to_numpy(str), **arrays)
    (project / "data/each").mkdir()
    for patient in PATIENTS:
        own = (table["patient"] == patient).to_numpy()
        each: dict[str, Any] = {name: array[own] for name, array in arrays.items()}
        np.savez(f"data/each/{patient}.npz", what=table["what"].to_numpy(str)[own], **each)
    by_array = {"signal": {"array": "x", "shape": [1, 16]}, "features": {"array": "f", "shape": [2]}}
    as_list = {**SOURCE["inputs"], "signal": {"columns": ["x"], "shape": [1, 16]}}
    sources = {
        "csv": stated(),
        "list": stated(kind="parquet", path="data/windows.parquet", inputs=as_list),
        "flat": stated(kind="parquet", path="data/flat.parquet"),
        "npz": stated(kind="numpy", path="data/windows.npz", inputs=by_array),
        "each": stated(kind="numpy", path="data/each", inputs=by_array, subject=None),
    }
    first, *others = [brought(source, name) for name, source in sources.items()]
    for other in others:
        assert other.json("records.json") == first.json("records.json")
        mine = [name for name in first.manifest["files"] if name.startswith("records/") and other.path.name != "each"]
        assert [other.read(name) for name in mine] == [first.read(name) for name in mine]


def test_the_digest_that_is_missing_is_printed_and_another_is_refused() -> None:
    file = write_csv(Path("data/windows.csv"))
    digest = digest_of([file])
    with pytest.raises(RefusedError, match=rf"source\.sha256: missing; data/windows\.csv has {digest}: state it"):
        brought(Source.build(SOURCE))
    source = stated()
    assert source.objections() == []
    write_csv(file, frame(seed=1))
    with pytest.raises(
        RefusedError, match=rf"source\.sha256: .*, not {digest[:12]}\.\.\.; state that one if the change"
    ):
        brought(source)


def test_a_path_where_nothing_lies_is_an_objection_before_anything_runs() -> None:
    (objection,) = Source.build(SOURCE).objections()
    assert objection.startswith("path: data/windows.csv is neither a file nor a folder")


def quarantined(table: pd.DataFrame, **changes: Any) -> dict[str, str]:
    write_csv(Path("data/windows.csv"), table)
    return dict(brought(stated(**changes)).json("quarantine.json"))


def test_a_gap_a_text_and_an_infinity_cost_their_record_alone_and_name_the_row() -> None:
    table = frame().astype({"x_3": object, "hr": object})
    table.loc[2, "x_3"] = None
    table.loc[WINDOWS + 1, "hr"] = "high"
    table.loc[WINDOWS + 4, "hr"] = "high"
    table.loc[2 * WINDOWS, "x_3"] = "inf"
    table.loc[3 * WINDOWS, "x_3"] = 1e300
    assert quarantined(table) == {
        "p00": "windows.csv, row 3: x_3 is empty",
        "p01": "windows.csv, row 14: hr is no finite number (and 1 rows more)",
        "p02": "windows.csv, row 25: x_3 is no finite number",
        "p03": "windows.csv, row 37: x_3 is no finite number",
    }
    assert len(open_artifact(Path("recordings")).json("records.json")) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="age"), r"windows.csv: no column age; there are patient, what, x_0, .* and \d more"),
        (lambda t: t.drop(columns="x_7"), r"of shape \[1, 16\], which takes 16 numbers, and .* gives 15 columns"),
        (lambda t: t.rename(columns={"x_1": "x_0"}), "column x_0 is there twice"),
        (lambda t: t.assign(patient=t["patient"].where(t.index != 4)), "row 5: its subject is empty"),
        (lambda t: t.assign(patient=t["patient"].where(t.index != 4, "../p00")), "row 5: its subject cannot be a file"),
    ],
)
def test_a_table_that_is_no_table_of_this_source_is_refused(change: Any, message: str) -> None:
    write_csv(Path("data/windows.csv"), change(frame()))
    with pytest.raises(RefusedError, match=message):
        brought(stated())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"patient,what\np,\xff\n", "not UTF-8"),
        (b"patient;what\np;1\n", "no column patient, what"),
        (b"", "no column patient, what"),
        (b"patient,what,age,hr,x_0\np,1,2,3,4,5\n", "cannot be read as CSV"),
    ],
)
def test_what_is_no_csv_is_refused_in_a_sentence(content: bytes, message: str) -> None:
    Path("data").mkdir()
    Path("data/windows.csv").write_bytes(content)
    inputs = {"signal": {"columns": ["x_0"], "shape": [1]}, "features": {"columns": ["age", "hr"], "shape": [2]}}
    with pytest.raises(RefusedError, match=message):
        brought(stated(inputs=inputs))


def test_what_is_no_parquet_and_no_npz_is_refused_in_a_sentence() -> None:
    Path("data").mkdir()
    for name, kind in (("w.parquet", "parquet"), ("w.npz", "numpy")):
        Path(f"data/{name}").write_bytes(b"PK\x03\x04 nothing of the kind")
        inputs = {"signal": {"shape": [2]}} if kind == "numpy" else SOURCE["inputs"]
        with pytest.raises(RefusedError, match=f"{name}: cannot be read as"):
            brought(stated(kind=kind, path=f"data/{name}", inputs=inputs))


def test_pickled_texts_in_npz_are_never_loaded() -> None:
    Path("data").mkdir()
    np.savez("data/w.npz", x=np.ones((2, 2)), what=np.array(["a", None], dtype=object))
    inputs = {"signal": {"array": "x", "shape": [2]}}
    with pytest.raises(RefusedError, match="texts are arrays of dtype str"):
        brought(stated(kind="numpy", path="data/w.npz", subject=None, inputs=inputs))


def test_decimal_commas_and_semicolons_are_read_where_they_are_said() -> None:
    Path("data").mkdir()
    frame().to_csv("data/windows.csv", index=False, sep=";", decimal=",")
    european = brought(stated(separator=";", decimal=","), "european")
    write_csv(Path("data/windows.csv"))
    assert european.read("records/p00.safetensors") == brought(stated()).read("records/p00.safetensors")


def test_windows_are_in_the_order_of_their_times_and_two_at_one_time_are_quarantined() -> None:
    table: Any = frame().assign(when=[f"2024-01-01T00:{59 - row % WINDOWS:02d}:00Z" for row in range(len(frame()))])
    table.loc[1, "when"] = table.loc[0, "when"]
    table.loc[WINDOWS, "when"] = "noon"
    reasons = quarantined(table, time="when")
    assert reasons["p00"] == "windows.csv, row 1 and windows.csv, row 2: two windows of p00 at one time"
    assert reasons["p01"] == "windows.csv, row 13: its time is neither a number nor a date (ISO 8601)"
    prepared(split={**TASK["split"], "test": 0.4, "validation": 0.25, "calibration": 0.12})
    samples = load_split(open_artifact(Path("test")), "test").sample
    assert (np.diff(samples.reshape(-1, WINDOWS)) < 0).all()


def test_a_record_of_mixed_rates_is_quarantined_and_one_of_another_rate_by_validation() -> None:
    table = frame().assign(hz=128)
    table.loc[3, "hz"] = 256
    table.loc[table["patient"] == "p01", "hz"] = 100
    reasons = quarantined(table, rate="hz", window_seconds=0.125)
    assert reasons == {
        "p00": "p00 has the rate '128' (windows.csv, row 1) and the rate '256' (windows.csv, row 4); a record has one"
    }
    judge(data=Path("recordings"), report=Path("recordings-report"), params=TableSuite())
    approval = open_artifact(Path("recordings-report")).json("approval.json")
    assert approval["quarantined"] == {"p01": "windows of one dataset are of one rate (rate is 100)"}
    dataset, _ = prepared(split={**TASK["split"], "test": 0.4, "validation": 0.25, "calibration": 0.12})
    about = dataset.json("dataset.json")
    assert about["recording_rate"] == 128
    assert set(about["seconds"].values()) == {WINDOWS * 0.125}


def test_a_dead_channel_and_a_label_that_is_not_named_are_quarantined_and_a_constant_number_refuses_all() -> None:
    table = frame()
    table.loc[table["patient"] == "p00", [f"x_{at}" for at in range(16)]] = 0.25
    table.loc[WINDOWS, "what"] = "7"
    assert quarantined(table) == {}
    judge(data=Path("recordings"), report=Path("recordings-report"), params=TableSuite(labels=("0", "1", "?")))
    reasons = open_artifact(Path("recordings-report")).json("approval.json")["quarantined"]
    assert reasons == {
        "p00": "a channel that does not move in a whole window is off (flat_share is 1)",
        "p01": "every label must be one of those that are named (unknown_labels is \"'7'\")",
    }
    assert quarantined(frame().assign(age=50)) == {}
    with pytest.raises(RefusedError, match=re.escape("leave it out of the input (constant is 'features[0]')")):
        judge(data=Path("recordings"), report=Path("constant-report"), params=TableSuite())


def test_a_label_the_task_does_not_know_is_refused_with_the_record_and_the_known_ones() -> None:
    table = frame()
    table.loc[WINDOWS + 1, "what"] = "2"
    write_csv(Path("data/windows.csv"), table)
    brought(stated())
    with pytest.raises(
        RefusedError, match=r"record p01, row 14: the label '2' is not known .* known are '0', '1', '\?'"
    ):
        prepared()


def test_a_subject_in_two_splits_of_the_table_is_refused_by_name() -> None:
    homes = dict(zip(PATIENTS, ["train"] * 5 + ["val"] * 2 + ["calibration"] + ["test"] * 2, strict=True))
    table = frame()
    table = table.assign(
        split=table["patient"].map(homes), night=table["patient"] + "-" + (table.index % 2).astype(str)
    )
    split = {
        "kind": "given",
        "names": {"val": "validation", "train": "train", "calibration": "calibration", "test": "test"},
    }
    write_csv(Path("data/windows.csv"), table)
    brought(stated(split="split", record="night"))
    dataset, test = prepared(split=split)
    assert test.json("dataset.json")["patients"] == ["p08", "p09"]
    assert dataset.json("dataset.json")["splits"]["validation"]["patients"] == ["p05", "p06"]
    table.loc[table["night"] == "p03-1", "split"] = "test"
    write_csv(Path("data/windows.csv"), table)
    brought(stated(split="split", record="night"))
    approve(Path("recordings"), Path("recordings-report"))
    with pytest.raises(
        RefusedError, match=r"subject p03 is in train \(p03-0\) and in test \(p03-1\); a person is in one"
    ):
        prepared(split=split)
    with pytest.raises(RefusedError, match=r"p03 has the split 'train' .* and the split 'test' .*; a record has one"):
        brought(stated(split="split"))


def test_the_same_window_under_two_names_is_refused() -> None:
    table = frame()
    columns = [f"x_{at}" for at in range(16)]
    for patient in range(1, 10):  # all others are copies of the first: whoever is drawn for the test set
        table.loc[table.index // WINDOWS == patient, columns] = table.loc[table.index < WINDOWS, columns].to_numpy()
    write_csv(Path("data/windows.csv"), table)
    brought(stated())
    with pytest.raises(RefusedError, match=r"train and validation share \d+ windows"):
        prepared()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": {"0": "calm"}}, "labels.0: no class 'calm'; there are quiet, event"),
        ({"labels": {False: "quiet"}}, "YAML takes this label for false; put it in quotes"),
        ({"outcome": {**TASK["outcome"], "watched": ["calm"]}}, "task:outcome: watched: no class 'calm'"),
        ({"outcomes": {}}, "known: kind, split, outcome, scale, labels; did you mean 'outcome'?"),
    ],
)
def test_a_slip_in_the_task_is_refused_with_its_path(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(message)):
        validate(Windows, {**TASK, **change}, "task")


def test_what_is_recorded_of_source_and_task_can_be_read_again() -> None:
    write_csv(Path("data/windows.csv"))
    brought(stated())
    prepared()
    source = open_artifact(Path("recordings")).manifest["params"]["source"]
    task = open_artifact(Path("dataset")).manifest["params"]["task"]
    assert (source["label"], task["outcome"]["classes"]) == ("what", ["quiet", "event"])
    assert Source.build(source) == stated()
    assert Task.build(task) == Task.build(TASK)
