"""What a user is told when the server is away, wants a token, or does not know a name."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.cluster.server import Server, ServerError
from bedside.errors import RefusedError
from tests.support.kubeflow_server import KubeflowServer, serving


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_TOKEN", "KF_PIPELINES_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kubeflow() -> Iterator[KubeflowServer]:
    with serving() as server:
        yield server


def test_an_endpoint_is_asked_for_where_none_is_named() -> None:
    with pytest.raises(RefusedError, match="KF_PIPELINES_ENDPOINT"):
        Server()


def test_a_server_that_is_away_is_asked_once_and_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    server = Server(url)
    assert server._client.configuration.retries is False  # the client's own would ask four times
    with pytest.raises(ServerError, match=f"{url} does not answer .*refused"):
        server.experiment("bedside")


def test_a_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(ServerError, match=r"kubeflow\.invalid.* does not answer"):
        Server("http://kubeflow.invalid").experiment("bedside")


@pytest.mark.parametrize("token", [None, "yesterday's"])
def test_a_missing_and_a_wrong_token_are_told_with_where_it_belongs(
    kubeflow: KubeflowServer, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    kubeflow.token = "today's"
    if token:
        monkeypatch.setenv("KF_PIPELINES_TOKEN", token)
    with pytest.raises(ServerError, match=r"does not let you in \(40[13]: who are you\?\).*KF_PIPELINES_TOKEN"):
        Server(kubeflow.url).experiment("bedside")


def test_the_right_token_is_let_in(kubeflow: KubeflowServer, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeflow.token = "today's"
    monkeypatch.setenv("KF_PIPELINES_TOKEN", "today's")
    assert Server(kubeflow.url).experiment("bedside", create=True)


def test_a_login_page_is_no_answer(kubeflow: KubeflowServer) -> None:
    kubeflow.page = "<html>Please log in</html>"
    with pytest.raises(ServerError, match="a login page"):
        Server(kubeflow.url).experiment("bedside")


def test_an_unknown_experiment_is_refused_with_those_that_are_known(kubeflow: KubeflowServer) -> None:
    server = Server(kubeflow.url)
    for name in ("Default", "ecg", "icu"):
        server.experiment(name, create=True)
    with pytest.raises(RefusedError, match="unknown experiment 'egc'; known: Default, ecg, icu"):
        server.experiment("egc")
    assert len(kubeflow.experiments) == 3


def test_a_version_is_uploaded_once(kubeflow: KubeflowServer, tmp_path: Path) -> None:
    (tmp_path / "toys.yaml").write_text("pipelineInfo: {name: toys}\nroot: {}\n")
    server = Server(kubeflow.url)
    pipeline = server.pipeline("toys", "small ones")
    first, is_new = server.version(pipeline, "abc", tmp_path / "toys.yaml", "from here")
    assert (is_new, server.version(pipeline, "abc", tmp_path / "toys.yaml", "from here")) == (True, (first, False))
    assert server.pipeline("toys", "small ones") == pipeline
    assert sum("upload_version" in call for call in kubeflow.calls) == 1


def test_what_the_server_refuses_is_told_in_its_words(kubeflow: KubeflowServer, tmp_path: Path) -> None:
    (tmp_path / "toys.yaml").write_text("nothing: here\n")
    server = Server(kubeflow.url)
    with pytest.raises(ServerError, match=r"refused \(400\): the uploaded file is no pipeline spec"):
        server.version(server.pipeline("toys", ""), "abc", tmp_path / "toys.yaml", "")
