"""The one place that talks to MLflow about runs. Every call here may be repeated without changing what is stored."""

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from bedside.redaction import clean
from bedside.scratch import project
from bedside.tracking.address import expect_answer, expect_usable, is_database
from bedside.tracking.database import PATIENCE, create_if_missing
from bedside.tracking.errors import TrackingError
from bedside.tracking.patience import answered, at_most

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DEFAULT = "sqlite:///mlflow.db"
KEY, PIPELINE = "bedside.key", "bedside.pipeline"
RETRY = 2.0  # seconds between two attempts at a store that is away

# Without these a dead server costs minutes per call, and MLflow reports its use to its makers.
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Artifacts go through the server, which alone can reach the bucket and holds its credentials.
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
R = TypeVar("R")


def uri() -> str:
    """The tracking store: MLFLOW_TRACKING_URI, else a database file in the project's folder."""
    given = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT
    scheme, _, file = given.partition(":///")
    return f"sqlite:///{project() / file}" if scheme == "sqlite" and file not in ("", ":memory:") else given


def shown() -> str:
    """The tracking store as it may be shown and recorded: without a password."""
    return clean(uri())


def client() -> "MlflowClient":
    """A client of the store with short patience (importing it takes seconds; only flush, promote and report do)."""
    prepare()
    expect_usable(uri())
    _sign_in()
    from mlflow import MlflowClient

    with at_most(PATIENCE):  # nobody is waited for: this process makes it
        asked(lambda: create_if_missing(uri()))
    asked(lambda: expect_answer(uri()))
    return asked(lambda: MlflowClient(tracking_uri=uri(), registry_uri=uri()))


def prepare() -> None:
    """Import MLflow, which takes seconds that are not the store's."""
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # a new database would tell the story of its tables
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.ERROR)  # its own retries; the reason is told once
    import mlflow.tracking

    if is_database(uri()):  # MLflow imports these when it is first asked
        import mlflow.store.model_registry.sqlalchemy_store
        import mlflow.store.tracking.sqlalchemy_store  # noqa: F401


def _sign_in() -> None:
    """Put the user and password of a server's address where MLflow looks for them too: it prints the address it has."""
    address = urlsplit(uri())
    if address.scheme in ("http", "https") and address.username is not None:
        os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(address.username)
        os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(address.password or "")
        os.environ["MLFLOW_TRACKING_URI"] = urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2]))


def asked(call: Callable[[], R]) -> R:
    """The answer of a call to the store; anything in the way becomes a TrackingError that names the store.

    A store that says nothing has as long as `patience.at_most` says.
    """
    from google.protobuf.json_format import ParseError
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return answered(call)
    except (MlflowException, ParseError, RequestException, SQLAlchemyError, OSError) as error:
        reason = clean(" ".join(str(error).split()))[:300]
        raise TrackingError(f"the tracking store {shown()} did not take it: {reason}") from error


def was_refused_for_good(error: TrackingError) -> bool:
    """Whether asking again is useless: the store answered that this very content is not valid.

    MLflow makes BAD_REQUEST of a proxy's page with status 400, and of whatever goes wrong in the server's database.
    """
    return getattr(error.__cause__, "error_code", None) == "INVALID_PARAMETER_VALUE"


class Store:
    """Runs of one experiment, found by the key that their journal gave them."""

    def __init__(self) -> None:
        self.client = client()
        self.experiment = asked(self._experiment)
        self._pipelines: dict[str, str] = {}

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "bedside")
        found = self.client.get_experiment_by_name(name)
        if found is None:
            # The kind decides which pages MLflow shows first: training runs, not chats with language models.
            kind = {"mlflow.experimentKind": "custom_model_development"}
            return self.client.create_experiment(name, artifact_location=_artifacts_beside_database(), tags=kind)
        if found.lifecycle_stage != "active":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def exists(self, run_id: str | None) -> bool:
        """Whether this run is in the store (a database may have been removed since)."""
        if run_id is None:
            return False
        try:
            return bool(asked(lambda: self.client.get_run(run_id)).info.lifecycle_stage == "active")
        except TrackingError as error:
            if getattr(error.__cause__, "error_code", None) == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise

    def status(self, run_id: str) -> str:
        """RUNNING, FINISHED, FAILED or KILLED."""
        return str(asked(lambda: self.client.get_run(run_id)).info.status)

    def find(self, tag: str, value: str) -> list["Run"]:
        """Runs with this tag, the earliest first."""
        runs = asked(lambda: self.client.search_runs([self.experiment], f"tags.`{tag}` = '{value}'"))
        return sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id))

    def run_of(self, start: Mapping[str, Any]) -> str:
        """The run of a journal, created if no earlier replay created it."""
        tags = {**start["tags"], KEY: start["key"], "mlflow.runName": start["name"]}
        tags["mlflow.parentRunId"] = self.pipeline(start["pipeline"], start["time"])
        tags |= {"mlflow.source.name": start["tags"]["command"], "mlflow.source.type": "LOCAL"}
        return self._only(KEY, start["key"], start["time"], tags)

    def pipeline(self, name: str, time: int) -> str:
        """The parent of all runs of one pipeline run."""
        if name not in self._pipelines:
            tags = {PIPELINE: name, "mlflow.runName": f"pipeline {name}"}
            self._pipelines[name] = self._only(PIPELINE, name, time, tags)
        return self._pipelines[name]

    def _only(self, tag: str, value: str, time: int, tags: dict[str, str]) -> str:
        """The one run with this tag. Of two that raced to create it, the earlier stays."""
        if not self.find(tag, value):
            asked(lambda: self.client.create_run(self.experiment, start_time=time, tags=tags))
        return self.without_doubles(tag, value)

    def without_doubles(self, tag: str, value: str) -> str:
        """Delete all but the earliest run with this tag (a slow server may create one after its caller gave up)."""
        first, *doubles = (run.info.run_id for run in self.find(tag, value))
        for run_id in doubles:
            asked(lambda run_id=run_id: self.client.delete_run(run_id))  # type: ignore[misc]
        return str(first)

    def parameters(self, run_id: str, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        for part in _parts([Param(name, value) for name, value in params.items()], 100):
            asked(lambda part=part: self.client.log_batch(run_id, params=part))  # type: ignore[misc]

    def metrics(self, run_id: str, events: Iterable[Mapping[str, Any]]) -> None:
        """The same point (name, step, time, value) is stored once however often it is sent."""
        from mlflow.entities import Metric

        every = [Metric(n, v, e["time"], e["step"]) for e in events for n, v in e["values"].items()]
        for part in _parts(every, 1000):
            asked(lambda part=part: self.client.log_batch(run_id, metrics=part))  # type: ignore[misc]

    def data(self, run_id: str, name: str, digest: str, version: str | None) -> None:
        """Show the data that a run read in MLflow's column for it."""
        from mlflow.entities import Dataset, DatasetInput

        source = json.dumps({"digest": digest, "version": version}, sort_keys=True)
        dataset = Dataset(name=name, digest=digest[:32], source_type="artifact", source=source)
        asked(lambda: self.client.log_inputs(run_id, datasets=[DatasetInput(dataset=dataset)]))

    def tags(self, run_id: str, values: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        asked(lambda: self.client.log_batch(run_id, tags=[RunTag(name, value) for name, value in values.items()]))

    def artifact(self, run_id: str, file: Path, name: str) -> None:
        folder = str(Path(name).parent)
        asked(lambda: self.client.log_artifact(run_id, str(file), None if folder == "." else folder))

    def finish(self, run_id: str, status: str, time: int) -> None:
        asked(lambda: self.client.set_terminated(run_id, status, time))


def _artifacts_beside_database() -> str | None:
    """A database file keeps its artifacts in the folder beside it; a server chooses for itself."""
    scheme, _, path = uri().partition(":///")
    return (Path(path).resolve().parent / "mlartifacts").as_uri() if scheme == "sqlite" else None


def _parts(items: list[R], size: int) -> Iterator[list[R]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
