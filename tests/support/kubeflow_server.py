"""A stand-in for a Kubeflow Pipelines server: real HTTP, and it refuses what the real one refuses.

Requests are parsed into, and answers built from, the models of kfp_server_api, so that a field which does not exist, or
is of another type, fails here as it would there. What the server holds lies open: `runs`, `recurring`, ...
"""

import email
import itertools
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import kfp_server_api as api
import yaml
from kfp_server_api import models

PAGE = 2  # so small that every list of these tests has several


class Refused(Exception):  # noqa: N818  (it is an answer)
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class KubeflowServer:
    """`token`: the one that it wants; `failing`: regular expressions of `METHOD path` that answer 500; `calls`: all."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.failing: list[str] = []
        self.page: str | None = None  # answered instead of everything, as a login in front of the server would
        self.calls: list[str] = []
        self.experiments: dict[str, Any] = {}
        self.pipelines: dict[str, Any] = {}
        self.versions: dict[str, Any] = {}
        self.runs: dict[str, Any] = {}
        self.recurring: dict[str, Any] = {}
        self.url = ""
        self._ids, self._client = itertools.count(1), api.ApiClient()

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, kind: str) -> dict[str, Any]:
        """The answer's content; raises Refused."""
        self.calls.append(f"{method} {path}")
        if any(re.search(pattern, f"{method} {path}") for pattern in self.failing):
            raise Refused(500, "the database went away")
        for (wanted, pattern), act in _ROUTES.items():
            match = re.fullmatch(f"/apis/v2beta1/{pattern}", path)
            if wanted == method and match:
                content: Any = body if kind.startswith("multipart") else json.loads(body or "{}")
                found = getattr(self, act)(
                    *match.groups(), **({"body": content, "kind": kind} if body else {}), **query
                )
                return dict(self._client.sanitize_for_serialization(found))
        raise Refused(404, f"no such resource: {method} {path}")

    def list_experiments(self, **query: str) -> Any:
        return self._page(models.V2beta1ListExperimentsResponse, "experiments", self.experiments, query)

    def create_experiment(self, body: Any, **_: str) -> Any:
        made = self._parsed("V2beta1Experiment", body)
        made.experiment_id, made.created_at, made.storage_state = self._id("e"), self._now(), "AVAILABLE"
        return self._kept(self.experiments, made.experiment_id, made)

    def list_pipelines(self, **query: str) -> Any:
        return self._page(models.V2beta1ListPipelinesResponse, "pipelines", self.pipelines, query)

    def create_pipeline(self, body: Any, **_: str) -> Any:
        made = self._parsed("V2beta1Pipeline", body)
        if not made.name or any(one.name == made.name for one in self.pipelines.values()):
            raise Refused(409, f"a pipeline with the name {made.name} already exists")
        made.pipeline_id, made.created_at = self._id("p"), self._now()
        return self._kept(self.pipelines, made.pipeline_id, made)

    def list_versions(self, pipeline: str, **query: str) -> Any:
        of_pipeline = {key: one for key, one in self.versions.items() if one.pipeline_id == pipeline}
        return self._page(models.V2beta1ListPipelineVersionsResponse, "pipeline_versions", of_pipeline, query)

    def upload_version(self, body: bytes, kind: str, name: str, pipelineid: str, description: str = "") -> Any:
        if pipelineid not in self.pipelines:
            raise Refused(404, f"pipeline {pipelineid} not found")
        if any(one.name == name and one.pipeline_id == pipelineid for one in self.versions.values()):
            raise Refused(409, f"the version {name} of this pipeline already exists")
        spec = next(yaml.safe_load_all(_uploaded(body, kind)))
        if not isinstance(spec, dict) or "pipelineInfo" not in spec:
            raise Refused(400, "the uploaded file is no pipeline spec")
        made = models.V2beta1PipelineVersion(
            pipeline_id=pipelineid,
            pipeline_version_id=self._id("v"),
            name=name,
            display_name=name,
            description=description,
            created_at=self._now(),
            pipeline_spec=spec,
        )
        return self._kept(self.versions, made.pipeline_version_id, made)

    def create_run(self, body: Any, **_: str) -> Any:
        made = self._parsed("V2beta1Run", body)
        self._expect_references(made)
        made.run_id, made.created_at, made.state = self._id("r"), self._now(), "PENDING"
        return self._kept(self.runs, made.run_id, made)

    def list_runs(self, experiment_id: str = "", **query: str) -> Any:
        newest = dict(reversed([(key, one) for key, one in self.runs.items() if one.experiment_id == experiment_id]))
        if query.get("sort_by") != "created_at desc":
            newest = dict(reversed(newest.items()))
        return self._page(models.V2beta1ListRunsResponse, "runs", newest, query)

    def get_run(self, run: str, **_: str) -> Any:
        return self._held(self.runs, run)

    def create_recurring(self, body: Any, **_: str) -> Any:
        made = self._parsed("V2beta1RecurringRun", body)
        self._expect_references(made)
        cron = made.trigger.cron_schedule.cron if made.trigger and made.trigger.cron_schedule else ""
        if len(cron.split()) != 6:
            raise Refused(400, f"the cron {cron!r} is not valid: 6 fields, seconds first")
        if (
            not made.display_name
            or not 1 <= int(made.max_concurrency or 0) <= 10
            or made.mode not in ("ENABLE", "DISABLE")
        ):
            raise Refused(400, "a recurring run needs a name, a max_concurrency from 1 to 10 and a mode")
        made.recurring_run_id, made.created_at = self._id("s"), self._now()
        made.service_account = made.service_account or "pipeline-runner"
        return self._kept(self.recurring, made.recurring_run_id, made)

    def list_recurring(self, experiment_id: str | None = None, **query: str) -> Any:
        held = {k: v for k, v in self.recurring.items() if experiment_id in (None, v.experiment_id)}
        return self._page(models.V2beta1ListRecurringRunsResponse, "recurring_runs", held, query)

    def delete_recurring(self, recurring: str, **_: str) -> Any:
        self._held(self.recurring, recurring)
        del self.recurring[recurring]
        return {}

    def set_mode(self, recurring: str, mode: str, **_: str) -> Any:
        self._held(self.recurring, recurring).mode = mode.upper()
        return {}

    def _parsed(self, kind: str, content: Any) -> Any:
        _expect_fields(kind, content)
        return self._client.deserialize(SimpleNamespace(data=json.dumps(content)), kind)

    def _expect_references(self, made: Any) -> None:
        reference = made.pipeline_version_reference
        self._held(self.experiments, made.experiment_id)
        self._held(self.pipelines, reference.pipeline_id)
        version = self._held(self.versions, reference.pipeline_version_id)
        known = version.pipeline_spec["root"].get("inputDefinitions", {}).get("parameters", {})
        given = (made.runtime_config.parameters if made.runtime_config else None) or {}
        missing = [name for name, one in known.items() if "defaultValue" not in one and name not in given]
        if missing or given.keys() - known.keys():
            raise Refused(400, f"parameters: {sorted(given)} given, {sorted(known)} known, {missing} missing")

    def _page(self, model: Any, field: str, held: dict[str, Any], query: dict[str, str]) -> Any:
        allowed = {"page_token", "page_size", "sort_by", "namespace", "filter"}
        if query.keys() - allowed:
            raise Refused(400, f"unknown parameters: {sorted(query.keys() - allowed)}")
        found = [one for one in held.values() if _passes(one, query.get("filter"))]
        start = int(query.get("page_token") or 0)
        end = start + min(int(query.get("page_size") or 20), PAGE)
        more = str(end) if end < len(found) else None
        return model(**{field: found[start:end] or None}, total_size=len(found), next_page_token=more)

    def _held(self, held: dict[str, Any], key: str | None) -> Any:
        if key not in held:
            raise Refused(404, f"{key} not found")
        return held[key]

    def _kept(self, held: dict[str, Any], key: str, made: Any) -> Any:
        held[key] = made
        return made

    def _id(self, letter: str) -> str:
        return f"{letter}-{next(self._ids):04}"

    def _now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(self._ids))


_ROUTES = {
    ("GET", "experiments"): "list_experiments",
    ("POST", "experiments"): "create_experiment",
    ("GET", "pipelines"): "list_pipelines",
    ("POST", "pipelines"): "create_pipeline",
    ("POST", "pipelines/upload_version"): "upload_version",
    ("GET", "pipelines/([^/]+)/versions"): "list_versions",
    ("GET", "runs"): "list_runs",
    ("POST", "runs"): "create_run",
    ("GET", "runs/([^/]+)"): "get_run",
    ("GET", "recurringruns"): "list_recurring",
    ("POST", "recurringruns"): "create_recurring",
    ("DELETE", "recurringruns/([^/]+)"): "delete_recurring",
    ("POST", "recurringruns/([^/]+):(enable|disable)"): "set_mode",
}


def _expect_fields(kind: str, content: Any) -> None:
    """The JSON's fields, at every depth, are ones of the model; the real server refuses others."""
    nested = re.fullmatch(r"(?:list\[|dict\(str, )(\w+)[\])]", kind)
    if nested:
        for one in content.values() if isinstance(content, dict) else content:
            _expect_fields(nested[1], one)
    elif hasattr(models, kind) and getattr(models, kind).attribute_map:
        model = getattr(models, kind)
        types = {model.attribute_map[name]: one for name, one in model.openapi_types.items()}
        for name, value in content.items():
            if name not in types:
                raise Refused(400, f'unknown field "{name}" in {kind}')
            _expect_fields(types[name], value)
    elif kind in _PLAIN and not isinstance(content, _PLAIN[kind]):
        raise Refused(400, f"{content!r} is no {kind}")


_PLAIN = {"str": str, "bool": bool, "int": int}


def _passes(one: Any, filters: str | None) -> bool:
    for predicate in json.loads(filters)["predicates"] if filters else ():
        _expect_fields("V2beta1Predicate", {_SNAKE.sub(r"_\1", k).lower(): v for k, v in predicate.items()})
        if predicate["operation"] != "EQUALS" or getattr(one, predicate["key"]) != predicate["stringValue"]:
            return False
    return True


_SNAKE = re.compile(r"([A-Z])")


def _uploaded(body: bytes, kind: str) -> str:
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    (part,) = (part for part in message.walk() if part.get_param("name", header="content-disposition") == "uploadfile")
    return bytes(part.get_payload(decode=True)).decode()


@contextmanager
def serving() -> Iterator[KubeflowServer]:
    """The server on a port of its own, until the block ends."""
    state, lock = KubeflowServer(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        do_POST = do_DELETE = do_GET  # noqa: N815

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            place = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(place.query))
            try:
                if state.token and self.headers.get("authorization") != f"Bearer {state.token}":
                    raise Refused(401 if "authorization" not in self.headers else 403, "who are you?")
                kind = self.headers.get("Content-Type") or ""
                with lock:
                    content = state.answer(self.command, urllib.parse.unquote(place.path), query, body, kind)
                self._send(200, json.dumps(content))
            except Refused as error:
                self._send(error.status, json.dumps({"error": str(error), "code": error.status, "message": str(error)}))

        def _send(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write((state.page or text).encode())

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield state
        finally:
            server.shutdown()
