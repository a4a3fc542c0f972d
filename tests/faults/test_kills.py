"""SIGKILL at any instant of the pipeline: run again, it completes, with the same contents."""

import os
import random
from pathlib import Path

import pytest

from tests.support import pipeline

KILLS = int(os.environ.get("BEDSIDE_KILLS", "4"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_a_pipeline_killed_again_and_again_completes_with_the_same_contents(tiny_run: Path, tmp_path: Path) -> None:
    folder = pipeline.lay_out(tmp_path / "killed")
    chance, killed = random.Random(0), 0
    while killed < KILLS:
        if not pipeline.kill_while_running(folder, chance, longest=20):
            break  # done before it could be killed again
        killed += 1
        pipeline.artifacts(folder / "artifacts")  # whatever is visible is complete, or this raises
        print(f"kill {killed}: {len(pipeline.digests(folder / 'artifacts'))} artifacts were complete")
    pipeline.reproduce(folder)
    assert killed >= min(KILLS, 4)
    assert pipeline.digests(folder / "artifacts") == pipeline.digests(tiny_run / "artifacts")
    assert pipeline.answers(folder / "artifacts") == pipeline.answers(tiny_run / "artifacts")
    leftovers = [path for path in (folder / "artifacts").rglob(".*") if path.suffix in {".staging", ".old", ".part"}]
    assert leftovers == []
