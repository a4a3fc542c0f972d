"""One tracking server as it is deployed, with two users who know nothing of each other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support import auth_server
from tests.support.auth_server import ADMIN, ADMIN_PASSWORD, AuthServer

User = tuple[str, str]
ROOT: User = (ADMIN, ADMIN_PASSWORD)
ALICE: User = ("alice", "alice-password-9d2e")
BOB: User = ("bob", "bob-password-40fc")


@dataclass(frozen=True)
class Team:
    """Alice owns an experiment with one run and one artifact; Bob may do nothing there."""

    server: AuthServer
    experiment: str
    run: str


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    if not auth_server.found():
        pytest.skip("no tracking server with sign-in here (docker/mlflow, pip install Flask-WTF)")
    with AuthServer(tmp_path_factory.mktemp("server")) as server:

        def post(path: str, who: User, **body: object) -> dict[str, object]:
            status, answer = server.ask("POST", f"/api/2.0/mlflow/{path}", json.dumps(body).encode(), who)
            assert status == 200, (path, answer)
            return dict(json.loads(answer))

        for name, password in (ALICE, BOB):
            post("users/create", ROOT, username=name, password=password)
        experiment = str(post("experiments/create", ALICE, name="alice's")["experiment_id"])
        run = str(post("runs/create", ALICE, experiment_id=experiment)["run"]["info"]["run_id"])  # type: ignore[index]
        kept = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/kept.txt"
        assert server.ask("PUT", kept, b"kept by alice", ALICE)[0] == 200
        yield Team(server, experiment, run)
