"""SIGKILL at any instant of the pipeline: run again, it completes, with the same contents."""

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.support import pipeline

KILLS = int(os.environ.get("BEDSIDE_KILLS", "4"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_a_pipeline_killed_again_and_again_completes_with_the_same_contents(tiny_run: Path, tmp_path: Path) -> None:
    chance, killed, rounds = random.Random(0), 0, 0
    while killed < KILLS:
        folder, rounds = pipeline.lay_out_again(tiny_run, tmp_path / f"round-{rounds}"), rounds + 1
        while killed < KILLS and pipeline.kill_while_running(folder, chance, longest=20):
            killed += 1
            pipeline.artifacts(folder / "artifacts")  # whatever is visible is complete, or this raises
            print(f"kill {killed}: {len(pipeline.digests(folder / 'artifacts'))} artifacts were complete")
        pipeline.reproduce(folder)
        assert pipeline.digests(folder / "artifacts") == pipeline.digests(tiny_run / "artifacts")
        assert pipeline.answers(folder / "artifacts") == pipeline.answers(tiny_run / "artifacts")
        hidden = [path for path in (folder / "artifacts").rglob(".*") if path.suffix in {".staging", ".old", ".part"}]
        assert hidden == []
        shutil.rmtree(folder)
    print(f"{killed} kills in {rounds} rounds: 0 lost, 0 corrupt, 0 different")
