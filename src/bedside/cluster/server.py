"""The API of a Kubeflow Pipelines server: pipelines, their versions, experiments, runs and recurring runs.

Every call is answered or given up within seconds, and what is in the way becomes one message.
"""

import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.errors import RefusedError

if TYPE_CHECKING:
    import kfp_server_api as api

ENDPOINT, TOKEN, NAMESPACE = "KF_PIPELINES_ENDPOINT", "KF_PIPELINES_TOKEN", "KF_PIPELINES_NAMESPACE"
PATIENCE = (5.0, 60.0)  # seconds to connect, and for an answer


class ServerError(RuntimeError):
    """The server did not do what it was asked; the message says why, and what to do. `status`: HTTP's, or None."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """One server; `endpoint` and `namespace` fall back to the environment, the token comes from there alone."""

    def __init__(self, endpoint: str | None = None, namespace: str | None = None) -> None:
        import kfp_server_api as api

        self.endpoint = (endpoint or os.environ.get(ENDPOINT, "")).rstrip("/")
        self.namespace = namespace or os.environ.get(NAMESPACE)
        if not self.endpoint.startswith(("http://", "https://")):
            named = f"{self.endpoint!r} is no address of Kubeflow" if self.endpoint else "no Kubeflow server is named"
            raise RefusedError(
                f"{named}; give --endpoint or {ENDPOINT}, for example "
                "http://localhost:8888 beside `kubectl -n kubeflow port-forward svc/ml-pipeline 8888`"
            )
        configuration = api.Configuration(host=self.endpoint)
        configuration.retries = False
        configuration.ssl_ca_cert = os.environ.get("SSL_CERT_FILE")
        if os.environ.get(TOKEN):
            configuration.api_key = {"authorization": os.environ[TOKEN]}
            configuration.api_key_prefix = {"authorization": "Bearer"}
        self._client = api.ApiClient(configuration)
        self._pipelines, self._uploads = (
            api.PipelineServiceApi(self._client),
            api.PipelineUploadServiceApi(self._client),
        )
        self._experiments, self._runs = api.ExperimentServiceApi(self._client), api.RunServiceApi(self._client)
        self._recurring = api.RecurringRunServiceApi(self._client)

    def experiment(self, name: str, *, create: bool = False) -> str:
        """The id of an experiment; one that is not there is made only if asked, since a typo would make one too."""
        import kfp_server_api as api

        every = self._pages(self._experiments.experiment_service_list_experiments, "experiments")
        known = {one.display_name: one.experiment_id for one in every if one.storage_state != "ARCHIVED"}
        if name not in known and create:
            body = api.V2beta1Experiment(display_name=name, namespace=self.namespace)
            made = self._ask(self._experiments.experiment_service_create_experiment, experiment=body)
            known[name] = made.experiment_id
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise RefusedError(f"unknown experiment {name!r}; known: {names} (--new-experiment makes it)")
        return str(known[name])

    def pipeline(self, name: str, description: str) -> str:
        """The id of a pipeline, made if it is not there."""
        import kfp_server_api as api

        for one in self._named(self._pipelines.pipeline_service_list_pipelines, "pipelines", name):
            return str(one.pipeline_id)
        body = api.V2beta1Pipeline(display_name=name, name=name, description=description, namespace=self.namespace)
        made = self._ask(self._pipelines.pipeline_service_create_pipeline, pipeline=body)
        return str(made.pipeline_id)

    def version(self, pipeline: str, name: str, file: Path, description: str) -> tuple[str, bool]:
        """The id of a version, and whether it was uploaded now; its name stands for its content."""
        listed = self._pipelines.pipeline_service_list_pipeline_versions
        for one in self._named(listed, "pipeline_versions", name, pipeline_id=pipeline):
            return str(one.pipeline_version_id), False
        upload = self._uploads.upload_pipeline_version
        made = self._ask(upload, uploadfile=str(file), name=name, pipelineid=pipeline, description=description)
        return str(made.pipeline_version_id), True

    def start(self, run: "api.V2beta1Run") -> str:
        """Start a run; returns its id."""
        return str(self._ask(self._runs.run_service_create_run, run=run).run_id)

    def runs(self, experiment: str, count: int) -> "list[api.V2beta1Run]":
        """The newest runs of an experiment."""
        listed = self._runs.run_service_list_runs
        newest = self._pages(listed, "runs", experiment_id=experiment, sort_by="created_at desc")
        return list(itertools.islice(newest, count))

    def run(self, run_id: str) -> "api.V2beta1Run":
        """One run with its tasks."""
        return self._ask(self._runs.run_service_get_run, run_id=run_id)

    def schedules(self, name: str | None = None) -> "list[api.V2beta1RecurringRun]":
        """Recurring runs, of that name if one is given, in every experiment; the oldest first."""
        listed = self._recurring.recurring_run_service_list_recurring_runs
        found = self._named(listed, "recurring_runs", name) if name else self._pages(listed, "recurring_runs")
        return sorted(found, key=lambda one: (one.created_at, one.recurring_run_id))

    def schedule(self, body: "api.V2beta1RecurringRun") -> "api.V2beta1RecurringRun":
        """Create a recurring run."""
        return self._ask(self._recurring.recurring_run_service_create_recurring_run, recurring_run=body)

    def enable(self, recurring: str) -> None:
        self._ask(self._recurring.recurring_run_service_enable_recurring_run, recurring_run_id=recurring)

    def unschedule(self, recurring: str) -> None:
        """Delete a recurring run; one that is gone already is gone."""
        delete = self._recurring.recurring_run_service_delete_recurring_run
        try:
            self._ask(delete, recurring_run_id=recurring)
        except ServerError as error:
            if error.status != 404:
                raise

    def _named(self, call: Callable[..., Any], field: str, name: str, **values: Any) -> Iterator[Any]:
        """What a list holds under that name; the name is compared again, whatever the server makes of the filter."""
        predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        wanted = json.dumps({"predicates": [predicate]})
        yield from (one for one in self._pages(call, field, filter=wanted, **values) if one.display_name == name)

    def _pages(self, call: Callable[..., Any], field: str, **values: Any) -> Iterator[Any]:
        """Everything of a list. Versions are of a pipeline, all else is of a namespace where there are several."""
        if self.namespace and "pipeline_id" not in values:
            values["namespace"] = self.namespace
        token = ""
        while True:
            answer = self._ask(call, page_token=token, page_size=100, **values)
            yield from getattr(answer, field) or []
            token = answer.next_page_token
            if not token:
                return

    def _ask(self, call: Callable[..., Any], **values: Any) -> Any:
        from kfp_server_api import ApiException
        from urllib3.exceptions import HTTPError

        try:
            answer = call(**values, _request_timeout=PATIENCE)
        except ApiException as error:
            raise ServerError(self._explained(error), error.status) from None
        except HTTPError as error:
            raise ServerError(
                f"{self.endpoint} does not answer ({_reason(error)}); is the server up and the address right?"
            ) from None
        if not str(self._client.last_response.data).lstrip().startswith("{"):
            raise ServerError(f"{self.endpoint} answers, but not as Kubeflow Pipelines does (a login page?)")
        return answer

    def _explained(self, error: "api.ApiException") -> str:
        said = _message(error.body) or str(error.reason)
        if not error.status:
            return f"{self.endpoint} does not answer ({' '.join(said.split())})"
        if error.status in (401, 403):
            given = "the one in" if os.environ.get(TOKEN) else "there is none in"
            return (
                f"{self.endpoint} does not let you in ({error.status}: {said}); it wants a valid token: {given} {TOKEN}"
                f" (for example from `kubectl create token`), and --namespace where it has several users"
            )
        return f"{self.endpoint} refused ({error.status}): {said}"


def _message(body: Any) -> str:
    try:
        content: Mapping[str, Any] = json.loads(body)
        return str(content.get("message") or content.get("error") or "")
    except (TypeError, ValueError, AttributeError):
        return ""


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error).split(">: ")[-1].split("'>, ")[-1]
