"""ingest knows no format: what files a record has, and what is said of it, is the source's to say."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from bedside import tensors
from bedside.artifacts import open_artifact
from bedside.datasets.base import Row, Source
from bedside.datasets.layouts import WINDOWS, Layout
from bedside.datasets.recording import RecordingError
from bedside.stages.ingest import ingest
from bedside.tasks.ecg_beats.task import EcgArrhythmia
from bedside.tasks.splits.by_share import ByShare


class Shelf(Source):
    """Three records of numbers; one of them cannot be had, and one is refused when it is looked at."""

    kind: str = ""
    layout: ClassVar[Layout] = WINDOWS

    @property
    def label(self) -> str:
        return "shelf"

    def fetch(self, folder: Path) -> dict[str, str]:
        for name in ("a", "b.2", "c"):
            tensors.save(folder / f"{name}.safetensors", {"x": np.ones(3, np.float32)})
            (folder / f"{name}.json").write_text("{}")
        return {"c": "half of it is missing"}

    def describe(self, folder: Path, record: str) -> Row:  # noqa: ARG002  # no look is needed
        if record == "a":
            raise RecordingError("a is of no use")
        return {"record": record, "patient": self.patient(record), "windows": 3}


del Source.known[""]  # no other test is to meet it


def test_a_source_of_other_files_is_brought_and_its_bad_records_leave_nothing(tmp_path: Path) -> None:
    metrics = ingest(recordings=tmp_path / "out", source=Shelf())
    made = open_artifact(tmp_path / "out")
    assert made.json("records.json") == [{"record": "b.2", "patient": "b.2", "windows": 3}]
    assert made.json("quarantine.json") == {"a": "a is of no use", "c": "half of it is missing"}
    assert sorted(file.name for file in (tmp_path / "out/records").iterdir()) == ["b.2.json", "b.2.safetensors"]
    assert "recordings/hours" not in metrics  # nobody knows how long a record is


def test_a_task_says_before_anything_runs_that_it_reads_other_files() -> None:
    (objection,) = EcgArrhythmia(split=ByShare()).objections(Shelf(kind="shelf"))
    assert objection == (
        "kind: ecg-arrhythmia reads recordings in WFDB format with annotations, and source.kind shelf gives windows "
        "in tables"
    )


@pytest.mark.parametrize(("rate", "reason"), [(257.31, "cannot become 120 Hz"), (8.0, "8 Hz is too low")])
def test_a_recording_of_a_rate_that_no_filter_joins_is_in_no_split_and_says_why(
    tmp_path: Path, rate: float, reason: str
) -> None:
    from bedside.datasets.simulated import Simulated

    Simulated(patients=1, seconds=30, lead_off=False).fetch(tmp_path)
    unfit = EcgArrhythmia().left_out(tmp_path, [{"record": "s001", "fs": rate}, {"record": "s002", "fs": 360.0}])
    assert list(unfit) == ["s001"]
    assert reason in unfit["s001"]
