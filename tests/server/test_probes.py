"""What strangers, other users and other sites get from the tracking server: HTTP as it goes over the wire."""

import json
from typing import NamedTuple

import pytest

from tests.server.conftest import ALICE, BOB, ROOT, Team, User
from tests.support.auth_server import ORIGIN

pytestmark = pytest.mark.slow
SEARCH = "/api/2.0/mlflow/experiments/search?max_results=5"
CREATE = "/api/2.0/mlflow/experiments/create"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
KEPT = FILES + "/{experiment}/{run}/artifacts/kept.txt"
STRANGER = ("nobody", "no-password-1b1b")
NEVER_ANSWERED = (b"root:", b"kept by alice", b"Traceback")


class Probe(NamedTuple):
    """A request; `{experiment}` and `{run}` are Alice's. Expected: the status."""

    expected: int
    method: str
    path: str
    who: User | None = None
    body: dict[str, object] | None = None
    headers: dict[str, str] = {}  # noqa: RUF012  # never changed


PROBES = {
    # Who are you?
    "health is open, for the cluster's probes": Probe(200, "GET", "/health"),
    "nobody sees the pages": Probe(401, "GET", "/"),
    "nobody sees the version": Probe(401, "GET", "/version"),
    "nobody sees the API": Probe(401, "GET", SEARCH),
    "nobody sees the API by its other name": Probe(401, "GET", SEARCH.replace("/api/", "/ajax-api/")),
    "nobody asks by GraphQL": Probe(401, "POST", "/graphql", None, {"query": "{__schema{types{name}}}"}),
    "nobody signs up": Probe(401, "GET", "/signup"),
    "nobody reads artifacts": Probe(401, "GET", KEPT),
    "nobody learns which endpoints exist": Probe(401, "GET", "/api/2.0/mlflow/nothing"),
    "a wrong password": Probe(401, "GET", SEARCH, (ALICE[0], "wrong-password-1b1b")),
    "an unknown user": Probe(401, "GET", SEARCH, STRANGER),
    "a token where a password belongs": Probe(401, "GET", SEARCH, headers={"Authorization": "Bearer abc"}),
    "a user with a password": Probe(200, "GET", SEARCH, ALICE),
    # From where?
    "another host, as in DNS rebinding": Probe(403, "GET", SEARCH, ROOT, headers={"Host": "evil.example"}),
    "another host for the pages": Probe(403, "GET", "/", ROOT, headers={"Host": "evil.example"}),
    "a host that begins as ours": Probe(403, "GET", SEARCH, ROOT, headers={"Host": "127.0.0.1.evil.example"}),
    "another site": Probe(403, "POST", CREATE, ROOT, {"name": "other site"}, {"Origin": "https://evil.example"}),
    "a site without a name": Probe(403, "POST", CREATE, ROOT, {"name": "null"}, {"Origin": "null"}),
    "our own site": Probe(200, "POST", CREATE, ROOT, {"name": "our site"}, {"Origin": ORIGIN}),
    "another site asks whether it may": Probe(
        400, "OPTIONS", CREATE, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    ),
    # Out of the folder
    "dots": Probe(400, "GET", f"{FILES}/../../../../etc/passwd", ROOT),
    "encoded dots": Probe(400, "GET", f"{FILES}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", ROOT),
    "encoded slashes": Probe(400, "GET", f"{FILES}/..%2f..%2f..%2f..%2fetc%2fpasswd", ROOT),
    "encoded twice": Probe(400, "GET", f"{FILES}/%252e%252e%252f%252e%252e%252fetc%252fpasswd", ROOT),
    "dots of a user": Probe(403, "GET", f"{FILES}/../../../../etc/passwd", BOB),
    "dots in a listing": Probe(400, "GET", f"{FILES}?path=../../..", ROOT),
    "an absolute listing": Probe(400, "GET", f"{FILES}?path=/etc", ROOT),
    "a write outside": Probe(400, "PUT", f"{FILES}/..%2f..%2fevil", ROOT, {}),
    "a delete outside": Probe(400, "DELETE", f"{FILES}/%2e%2e/%2e%2e/evil", ROOT),
    "dots in one's own run": Probe(400, "GET", "/get-artifact?run_id={run}&path=../../../etc/passwd", ALICE),
    "a model version of the server's own files": Probe(
        400, "POST", "/api/2.0/mlflow/model-versions/create", ROOT, {"name": "m", "source": "file:///etc"}
    ),
    # Somebody else's
    "another's experiment": Probe(403, "GET", "/api/2.0/mlflow/experiments/get?experiment_id={experiment}", BOB),
    "another's run": Probe(403, "GET", "/api/2.0/mlflow/runs/get?run_id={run}", BOB),
    "another's artifact": Probe(403, "GET", KEPT, BOB),
    "another's artifact by its run": Probe(403, "GET", "/get-artifact?run_id={run}&path=kept.txt", BOB),
    "writing over another's artifact": Probe(403, "PUT", KEPT, BOB, {}),
    "deleting another's artifact": Probe(403, "DELETE", KEPT, BOB),
    "a metric into another's run": Probe(
        403,
        "POST",
        "/api/2.0/mlflow/runs/log-metric",
        BOB,
        {"run_id": "{run}", "key": "validation/V_sensitivity", "value": 1, "timestamp": 1},
    ),
    "deleting another's experiment": Probe(
        403, "POST", "/api/2.0/mlflow/experiments/delete", BOB, {"experiment_id": "{experiment}"}
    ),
    "making users": Probe(403, "POST", "/api/2.0/mlflow/users/create", BOB, {"username": "eve", "password": "e" * 12}),
    "another's password": Probe(
        403, "PATCH", "/api/2.0/mlflow/users/update-password", BOB, {"username": "alice", "password": "e" * 12}
    ),
    "becoming an administrator": Probe(
        403, "PATCH", "/api/2.0/mlflow/users/update-admin", BOB, {"username": "bob", "is_admin": True}
    ),
    # What there is not
    "an unknown endpoint": Probe(404, "GET", "/api/2.0/mlflow/nothing", ROOT),
    "an unknown method": Probe(405, "DELETE", SEARCH.split("?", maxsplit=1)[0], ROOT),
    "TRACE": Probe(405, "TRACE", "/", ROOT),
    "more metrics than a batch may hold": Probe(
        400,
        "POST",
        "/api/2.0/mlflow/runs/log-batch",
        ALICE,
        {"run_id": "{run}", "metrics": [{"key": "m", "value": 1, "timestamp": 1, "step": s} for s in range(1001)]},
    ),
    "a number of results that is not one": Probe(400, "GET", SEARCH.replace("5", "many"), ALICE),
}


def test_there_are_more_than_twenty() -> None:
    assert len(PROBES) >= 20


@pytest.mark.parametrize("name", PROBES)
def test_probe(team: Team, name: str) -> None:
    probe = PROBES[name]

    def named(text: str) -> str:
        return text.replace("{experiment}", team.experiment).replace("{run}", team.run)

    body = None if probe.body is None else named(json.dumps(probe.body)).encode()
    status, answer = team.server.ask(probe.method, named(probe.path), body, probe.who, **probe.headers)
    assert status == probe.expected, answer[:300]
    assert not any(secret in answer for secret in NEVER_ANSWERED)


def test_what_others_tried_changed_nothing(team: Team) -> None:
    kept = KEPT.replace("{experiment}", team.experiment).replace("{run}", team.run)
    assert team.server.ask("GET", kept, None, ALICE) == (200, b"kept by alice")
    found = json.loads(team.server.ask("GET", SEARCH, None, BOB)[1])
    assert found.get("experiments", []) == []


def test_the_servers_log_holds_no_password(team: Team) -> None:
    log = team.server.log.read_text()
    assert "401" in log
    assert not any(password in log for _, password in (ROOT, ALICE, BOB, STRANGER))
