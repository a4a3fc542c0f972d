"""Passwords, keys and tokens: wherever a run's record is written or shown, they are not in it."""

import json
import os
from pathlib import Path

import pytest

from bedside import tracking
from bedside.redaction import clean, cleaned
from bedside.tracking import journal, store
from tests.unit.tracking.records import PRUNE

SECRET = 'canary-9f3b"quoted'
PLAIN = "canary-77e1"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PLAIN)
    monkeypatch.setenv("HOSPITAL_TOKEN_FILE", "/var/run/secrets/token")  # where it is is no secret


def recorded(workspace: Path) -> str:
    """Every byte that tracking has written, as text."""
    files = [path for path in workspace.rglob("*") if path.is_file()]
    return "\n".join(path.read_text(errors="replace") for path in files)


def test_an_error_is_recorded_without_the_address_secret(workspace: Path) -> None:
    with pytest.raises(RuntimeError), tracking.run("prune", PRUNE):
        raise RuntimeError(
            f"https://user:{PLAIN}x@mirror.example/100.dat?token=abcdef and /var/run/secrets/token broke"
        )
    text = recorded(workspace)
    assert "https://***@mirror.example/100.dat?token=*** and /var/run/secrets/token broke" in text


def test_a_secret_of_the_environment_is_in_no_tag_param_or_note(workspace: Path) -> None:
    with tracking.run("prune", PRUNE | {"params": {"params": {"mirror": SECRET}}}) as run:
        run.tags({"said": f"key {PLAIN} refused"})
        tracking.note(f"signed in with {SECRET}")
    text = recorded(workspace)
    assert "key *** refused" in text
    assert PLAIN not in text
    assert SECRET not in text
    assert json.dumps(SECRET)[1:-1] not in text
    (path,) = journal.pending()
    assert [event["event"] for event in journal.read(path)] == ["start", "tags", "tags", "end"]


def test_a_store_that_is_away_is_named_without_its_password(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://admin:other%2Dcanary@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    with tracking.run("prune", PRUNE):
        pass
    with pytest.raises(tracking.TrackingError, match=r"store http://127.0.0.1:9 did not") as refused:
        tracking.flush(timeout=0)
    assert "other-canary" not in str(refused.value)
    assert "other-canary" not in recorded(workspace)
    signed_in = [os.environ[f"MLFLOW_TRACKING_{name}"] for name in ("URI", "USERNAME", "PASSWORD")]
    assert signed_in == ["http://127.0.0.1:9", "admin", "other-canary"]  # MLflow prints the address that it is given


def test_a_database_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://mlflow:other-canary@127.0.0.1/mlflow")
    assert store.shown() == "postgresql://***@127.0.0.1/mlflow"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://mlflow:pa/canary@db/mlflow", "postgresql://***@db/mlflow"),
        ("postgresql+psycopg2://mlflow:12/canary@db:5432/mlflow", "postgresql+psycopg2://***@db:5432/mlflow"),
        ("https://user:to/canary@git.example/a/b.git", "https://***@git.example/a/b.git"),
        ("https://user:to@canary@git.example/a/b@v1", "https://***@git.example/a/b@v1"),
        ("https://canary@git.example/a", "https://***@git.example/a"),
        (
            "https://b.example/a.dat?X-Amz-Credential=canary&X-Amz-Date=1&X-Amz-Security-Token=canary&X-Amz-Signature=canary",
            "https://b.example/a.dat?X-Amz-Credential=***&X-Amz-Date=1&X-Amz-Security-Token=***&X-Amz-Signature=***",
        ),
        (
            "https://b.example/a?AWSAccessKeyId=canary&Expires=1&Signature=canary",
            "https://b.example/a?AWSAccessKeyId=***&Expires=1&Signature=***",
        ),
        (
            "https://b.example/a?sv=1&se=2&sig=canary%3D#access_token=canary",
            "https://b.example/a?sv=1&se=2&sig=***#access_token=***",
        ),
        ("https://b.example/a?Policy=canary&Key-Pair-Id=canary", "https://b.example/a?Policy=***&Key-Pair-Id=***"),
        ('{"a": "mysql://u:pa/canary@db", "b": "c@d"}', '{"a": "mysql://***@db", "b": "c@d"}'),
    ],
)
def test_a_password_may_hold_what_an_address_is_divided_by(address: str, shown: str) -> None:
    assert clean(address) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://git.example/bedside@main/README.md",
        "http://mlflow:5000/api/users/ann@example.org",
        "http://[::1]:5000/ann@example.org",
        "oci://registry.example:5000/bedside/train@sha256:0123456789",
        "git+https://git.example/bedside.git@v1.2",
        "s3://bucket/dvc/ann@example.org",
        "sqlite:////data/a:b@c/mlflow.db",
        "postgresql://db/mlflow?sslmode=require&connect_timeout=10",
        "http://mlflow:5000/#/experiments/1/runs/2?encode=x",
        "/usr/share/pass/compass PASSED, written by ann@example.org",
    ],
)
def test_what_only_looks_like_a_password_stays(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASS",
        "GITHUB_PAT",
        "PASSPHRASE",
        "SIGNING_PASSPHRASE",
        "PRIVATE_KEY",
        "DEPLOY_PRIVATE_KEY",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_CONNECTION_STRING",
    ],
)
def test_a_variable_that_is_named_as_secrets_are_is_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "other-canary")
    assert clean("signed in with other-canary") == "signed in with ***"


def test_what_is_recorded_is_cleaned_at_any_depth_and_what_is_named_as_a_secret_is_one() -> None:
    given = {"source": {"mirror": f"https://u:{PLAIN}@m/", "rate": 9.0, "api_token": "short", "records": [PLAIN]}}
    shown = {"source": {"mirror": "https://***@m/", "rate": 9.0, "api_token": "***", "records": ["***"]}}
    assert cleaned(given) == shown


@pytest.mark.parametrize("name", ["SEARCH_PATH", "GATES_PASSED", "COMPASS", "SPAT", "BYPASS", "PATTERN", "SORT_KEY"])
def test_a_variable_whose_name_only_resembles_a_secrets_is_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "/usr/local/bin")
    assert clean("it lies in /usr/local/bin") == "it lies in /usr/local/bin"
