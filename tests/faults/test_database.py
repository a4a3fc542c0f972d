"""SIGKILL while MLflow's database is being made: the next start makes a whole one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bedside import tracking
from bedside.tracking import store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MAKE = "from bedside.tracking import store; import mlflow; print('ready', flush=True); store.client()"


def unfinished(folder: Path) -> list[str]:
    """What a killed process left of a database that it was making."""
    return sorted({path.name for path in folder.glob(".mlflow.db*")} - {".mlflow.db.lock"})


def test_a_database_killed_while_it_was_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_state: Path
) -> None:
    database = tmp_path / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    chance, kills, halfway = random.Random(0), 0, 0
    while kills < 5 or not halfway:
        kills += 1
        maker = subprocess.Popen([sys.executable, "-c", MAKE], env=dict(os.environ), stdout=subprocess.PIPE)
        assert maker.stdout is not None
        maker.stdout.readline()
        time.sleep(chance.uniform(0.1, 1.0))
        os.kill(maker.pid, signal.SIGKILL)
        maker.communicate()
        halfway += bool(unfinished(tmp_path))
        database.unlink(missing_ok=True)  # done before the kill: nothing was tried, and the next one starts anew
    with tracking.run("toy", {"component": "toy", "labels": {}, "params": {}, "inputs": {}, "code": "0"}):
        tracking.log({"loss": 0.5})
    assert tracking.flush(timeout=120).runs == 1
    assert [run.data.metrics for run in store.Store().find("component", "toy")] == [{"loss": 0.5}]
    assert unfinished(tmp_path) == []
    assert (own_state / "journal").is_dir()
