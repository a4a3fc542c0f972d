"""The study: a database of trials that several workers share, that can be left and taken up at any instant.

SQLite on a laptop; a PostgreSQL address makes it common to many machines. A worker's heartbeat tells the others that it
lives: what a dead one was doing is done again by whoever comes next.
"""

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from bedside.errors import RefusedError
from bedside.search.settings import DEFAULT, STORAGE

try:
    import optuna
    import sqlalchemy
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
    from optuna.storages._rdb.models import TrialModel
    from optuna.trial import FrozenTrial, TrialState
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError
except ModuleNotFoundError as missing:
    raise RefusedError(f"searching needs {missing.name}: pip install 'bedside[search]'") from missing

DIRECTIONS: tuple[Literal["maximize", "minimize"], ...] = (
    "maximize",
    "minimize",
    "minimize",
)  # worst average precision, p99 on the target, bytes of the file
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
RETRIES = 3  # of a trial whose worker died: if it dies each time, it is the trial that kills
OPENINGS = 3  # two workers that create the tables at once: one is refused, and finds them there a second later
TAKEN = "Cannot tell a FAIL trial."  # Optuna's words where another worker has given the trial up for lost
Objective = Callable[[optuna.Trial], tuple[float, float, float]]


class _Retry(RetryHeartbeatStaleTrialCallback):
    """Queues a trial once more with its parameters alone: constraints that it had been given would not be replaced."""

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        trial.user_attrs = {}
        kept = ("failed_trial", "retry_history")
        trial.system_attrs = {name: value for name, value in trial.system_attrs.items() if name in kept}
        super().__call__(study, trial)


class _Storage(RDBStorage):
    """A database that may be away for a while: a missed heartbeat is made up for by the next one."""

    def record_heartbeat(self, trial_id: int) -> None:
        with contextlib.suppress(StorageInternalError, SQLAlchemyError):
            super().record_heartbeat(trial_id)

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        """Those not heard of for the grace; Optuna waits forever for a worker that died before its first heartbeat."""
        silent = (
            sqlalchemy.select(TrialModel.trial_id)
            .where(TrialModel.study_id == study_id, TrialModel.state == TrialState.RUNNING)
            .where(~TrialModel.heartbeats.any())
        )
        with self.engine.connect() as connection:
            unheard = list(connection.execute(silent).scalars())
        for trial_id in unheard:
            self.record_heartbeat(trial_id)  # the grace begins now, by the database's own clock
        return super()._get_stale_trial_ids(study_id)


def address(given: str | None = None) -> str:
    """The database's URL: as given, else from the environment (where a password belongs), else a file in build/."""
    return given or os.environ.get(STORAGE) or DEFAULT


@contextlib.contextmanager
def answering(url: str) -> Iterator[None]:
    """One message when the database is away, whatever Optuna makes of it."""
    try:
        yield
    except RefusedError:
        raise
    except Exception as error:
        if (reason := _database_error(error)) is None:
            raise
        raise RefusedError(
            f"the study's database {_shown(url)} does not answer: {reason}. Finished trials are in it, the one "
            "that ran is not lost: run the same command again when the database is back"
        ) from error


def open_study(url: str, name: str, about: Mapping[str, Any] | None, heartbeat: int = 10, grace: int = 60) -> Any:
    """The study of that name; with `about` (JSON: what its figures depend on) it is made when it is not there.

    Raises RefusedError for a study about something else, whose figures could not be compared.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    with answering(url):
        storage = _opened(url, heartbeat, grace)
        if about is None:
            return _existing(storage, url, name)
        study = optuna.create_study(storage=storage, study_name=name, directions=DIRECTIONS, load_if_exists=True)
        if "about" not in study.user_attrs:
            study.set_user_attr("about", dict(about))
        _refuse_other(study, about)
        return study


def work(study: optuna.Study, objective: Objective, *, trials: int, timeout: float | None, progress: Any) -> None:
    """Run trials until the study has `trials` finished ones, whoever finished them; none is begun after `timeout` s."""

    def count(study: optuna.Study, _: FrozenTrial) -> None:
        done = finished(study)
        progress.update(min(done, trials) - progress.n)
        if done >= trials:
            study.stop()

    begun = time.monotonic()
    while finished(study) < trials:
        left = None if timeout is None else timeout - (time.monotonic() - begun)
        try:
            study.optimize(objective, timeout=left, callbacks=[count])
        except ValueError as error:
            if str(error) != TAKEN:  # it is queued again; this worker was frozen or cut off for longer than the grace
                raise
        else:
            return


def finished(study: optuna.Study) -> int:
    """How many trials have an answer; those stopped early have one too."""
    return len(study.get_trials(deepcopy=False, states=FINISHED))


def again(study: optuna.Study, number: int) -> None:
    """Put the trial into the queue once more, with the same parameters."""
    _Retry()(study, study.trials[number])


def sampler(
    seed: int, number: int, startup: int, fixed: Mapping[str, Any] | None = None
) -> optuna.samplers.BaseSampler:
    """Multi-objective TPE with constraints (Ozaki et al. 2022; Watanabe and Hutter 2023), for one trial.

    Seeded by the trial's number, which the database gives once only: two workers never draw the same, and a study that
    was left and taken up again draws what it would have drawn.
    """
    own = optuna.samplers.TPESampler(seed=seed * 1_000_003 + number, n_startup_trials=startup)
    return optuna.samplers.PartialFixedSampler(dict(fixed), own) if fixed else own


def _opened(url: str, heartbeat: int, grace: int) -> _Storage:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise RefusedError(f"not a database address; for example {DEFAULT} or postgresql://user@host/name") from None
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine: dict[str, Any] = {"connect_args": {"timeout": 60}}
    else:
        engine = {"pool_pre_ping": True, "connect_args": _patience(parsed.get_backend_name(), grace)}
    retry = _Retry(max_retry=RETRIES)
    for attempt in range(OPENINGS):
        try:
            return _Storage(
                url,
                engine,
                heartbeat_interval=heartbeat,
                grace_period=grace,
                heartbeat_stale_trial_callback=retry,
            )
        except ImportError as error:
            driver = getattr(error.__cause__, "name", None) or "its driver"
            raise RefusedError(f"{_shown(url)} needs {driver}: pip install 'psycopg[binary]' for PostgreSQL") from error
        except SQLAlchemyError:
            if attempt == OPENINGS - 1:
                raise
            time.sleep(1)
    raise AssertionError  # the last attempt returned or raised


def _patience(backend: str, grace: int) -> dict[str, Any]:
    """How long a worker waits for a server, and a PostgreSQL server for a worker, that is gone without a word.

    A worker that is frozen in a transaction would hold its trial's row, and so all other workers, for as long.
    """
    waits: dict[str, Any] = {"connect_timeout": 10}
    if backend == "postgresql":
        waits |= {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
        waits["options"] = f"-c idle_in_transaction_session_timeout={grace}s"
    return waits


def _existing(storage: _Storage, url: str, name: str) -> optuna.Study:
    names = optuna.get_all_study_names(storage)
    if name not in names:
        raise RefusedError(
            f"no study {name!r} in {_shown(url)}; it has: {', '.join(names) or 'none'}. See bedside search"
        )
    return optuna.load_study(study_name=name, storage=storage)


def _refuse_other(study: optuna.Study, about: Mapping[str, Any]) -> None:
    stored = study.user_attrs["about"]
    different = [key for key, value in about.items() if stored.get(key) != value]
    if different:
        raise RefusedError(
            f"study {study.study_name!r} is about another {', '.join(different)}, so its trials cannot be compared "
            "with new ones; give this search another name with --study"
        )


def _database_error(error: BaseException | None) -> str | None:
    """The database's own words, if it is behind this error: Optuna stumbles over its own bookkeeping on the way out."""
    while error is not None:
        if isinstance(error, SQLAlchemyError) or (isinstance(error, StorageInternalError) and not error.__cause__):
            return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        error = error.__cause__ or error.__context__
    return None


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)
