"""A search whose trials are computed at a desk: wider is better, slower and larger; everything else is real.

Run as a program it is a worker: `python -m tests.unit.search.desk URL TRIALS [REST] [HEARTBEAT GRACE]`, where every
trial rests for REST seconds, or until a file of that path is there.
"""

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy
from optuna.storages._rdb.models import TrialHeartbeatModel, TrialModel
from optuna.trial import TrialState

from bedside.errors import RefusedError
from bedside.gates import Budget
from bedside.params import validate
from bedside.search import study as studies
from bedside.search.figures import Figures
from bedside.search.settings import Search
from bedside.search.space import Chain
from bedside.search.trial import Objective

ROOT = Path(__file__).parents[3]
NAME, ABOUT = "desk", {"dataset": "d1", "processor": "p1"}
RUNNING = TrialModel.state == TrialState.RUNNING
BUDGET = Budget(size_bytes=100_000, p99_ms=2.0, peak_rss_mb=100.0, slower=0.1, cheaper=0.1)
SETTINGS = {
    "space": {
        "chains": [["distill"], ["distill", "quantize"]],
        "techniques": {"distill": {"width": {"low": 1, "high": 64, "start": 60}}, "quantize": {}},
    },
    "watched": ["V", "S"],
    "floors": {"V": {"recall": 0.5, "precision": 0.0}},
    "startup": 5,
}


def settings(**changed: Any) -> Search:
    return validate(Search, {**SETTINGS, **changed}, "search")


def figures(chain: Chain) -> Figures:
    """Width 32 of 64 keeps the floor of .5; int8 is four times smaller and twice as fast."""
    width, small = chain[0].params["width"], len(chain) == 2
    quality = width / 64
    return {
        "V_recall": quality,
        "V_precision": 1.0,
        "V_average_precision": quality,
        "worst_average_precision": quality,
        "p50_ms": 0.01 * width,
        "p99_ms": 0.02 * width / (2 if small else 1),
        "peak_rss_mb": 50.0,
        "size_bytes": 1000 * width // (4 if small else 1),
    }


def opened(url: str, about: dict[str, Any] | None = None, heartbeat: int = 10, grace: int = 60) -> Any:
    return studies.open_study(url, NAME, about or ABOUT, heartbeat, grace)


class Bar:
    """A progress bar that keeps quiet."""

    n = 0

    def update(self, by: int) -> None:
        self.n += by


def work(study: Any, trials: int, attempt: Any = figures, search: Search | None = None) -> list[Any]:
    """Work until `trials` are finished; all trials of the study."""
    objective = Objective(search or settings(), BUDGET, attempt)
    studies.work(study, objective, trials=trials, timeout=None, progress=Bar())
    found: list[Any] = study.get_trials()
    return found


def heard(study: Any, count: int = 1) -> None:
    """Wait until so many running trials have been heard of; each has a thread that writes that."""
    beating = sqlalchemy.select(sqlalchemy.func.count()).where(RUNNING, TrialModel.heartbeats.any())
    while True:
        with study._storage._backend.engine.connect() as connection:
            if connection.execute(beating).scalar() == count:
                return
        time.sleep(0.02)


def silent_for_long(study: Any) -> None:
    """As if no worker had been heard of for years: what a dead one was doing need not be waited for."""
    with study._storage._backend.engine.begin() as connection:
        connection.execute(sqlalchemy.update(TrialHeartbeatModel).values(heartbeat=datetime(2000, 1, 1)))


def rest(until: str) -> None:
    """For so many seconds, or until that file is there."""
    if not until.startswith("/"):
        time.sleep(float(until))
        return
    while not Path(until).exists():
        time.sleep(0.02)


def worker(url: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process that works on the study."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "tests.unit.search.desk", url, *map(str, arguments)]
    own = os.environ | {"PYTHONPATH": path}
    return subprocess.Popen(command, cwd=ROOT, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def main(url: str, trials: str, until: str = "0", *beats: str) -> None:
    def slowly(chain: Chain) -> Figures:
        print("begun", flush=True)
        rest(until)
        return figures(chain)

    try:
        study = opened(url, None, *map(int, beats))
        with studies.answering(url):
            work(study, int(trials), slowly)
    except RefusedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
