"""What the tests of several stages begin with, made once per module."""

from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from tests.cohort import Cohort, approve, simulated_dataset


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return simulated_dataset(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def approval(cohort: Cohort) -> Path:
    records = open_artifact(cohort.dataset).json("dataset.json")["records"]
    return approve(cohort.dataset, cohort.dataset.parent / "dataset-report", accepted=records)
