"""Two simulated recordings of two people, as published."""

from pathlib import Path

import pytest

from bedside.datasets.simulated import Simulated


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with s001 and s002 (and s003, a second recording of s002), 30 s each; never written to."""
    folder = tmp_path_factory.mktemp("published")
    Simulated(patients=2, seconds=30, lead_off=False).fetch(folder)
    return folder
