"""The tracking server and what it needs beside it; one command each, everything else from the environment.

python tracking_server.py prepare            wait for database and S3, migrate the tables, make the bucket
python tracking_server.py serve              MLflow with basic auth on port 5000
python tracking_server.py collect-garbage    remove for good what was deleted long ago (GARBAGE_OLDER_THAN, default 30d)
python tracking_server.py upload FILE        keep a database dump in S3 (BACKUPS), the newest BACKUPS_KEPT of them (14)
python tracking_server.py download FILE      fetch one again (BACKUP, default the newest)
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

CONFIG = Path("/tmp/basic_auth.ini")
PATIENCE = 180.0  # seconds that database and S3 may take to come up
MIGRATION_LOCK = 5000  # any number; the same in every replica
MISSING = ("404", "NoSuchBucket", "NotFound")
R = TypeVar("R")


class RefusedError(RuntimeError):
    """What the operator can mend, in one message."""


def main() -> None:
    commands: dict[str, Callable[..., None]] = {
        "prepare": prepare,
        "serve": serve,
        "collect-garbage": collect_garbage,
        "upload": upload,
        "download": download,
    }
    name, *arguments = sys.argv[1:] or ["--help"]
    if name not in commands:
        sys.exit(__doc__)
    try:
        commands[name](*arguments)
    except RefusedError as error:
        sys.exit(f"tracking server: {error}")


def prepare() -> None:
    """Tables as this version of MLflow wants them, and a bucket; safe to run again and by several replicas at once."""
    _write_config()
    bucket = _place("MLFLOW_ARTIFACTS_DESTINATION")[0]
    import boto3
    import sqlalchemy

    engine = sqlalchemy.create_engine(_given("MLFLOW_BACKEND_STORE_URI"), isolation_level="AUTOCOMMIT")
    with _reached(f"the database {engine.url!r}", engine.connect) as connection:
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        _migrate()
    print("tables are up to date", flush=True)
    s3: Any = boto3.client("s3")
    _reached(f"the bucket {bucket} at {s3.meta.endpoint_url}", lambda: _make_bucket(s3, bucket))
    print(f"bucket {bucket} is there", flush=True)


def serve() -> None:
    """Become the server. Hosts and origins other than MLFLOW_SERVER_ALLOWED_HOSTS and ..._CORS_... are refused."""
    for name in ("MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_FLASK_SERVER_SECRET_KEY", "MLFLOW_AUTH_ADMIN_PASSWORD"):
        _given(name)
    _write_config()
    workers = os.environ.get("MLFLOW_WORKERS", "2")
    command = ["mlflow", "server", "--app-name", "basic-auth", "--host", "0.0.0.0", "--port", "5000"]
    os.execvp("mlflow", [*command, "--workers", workers, "--serve-artifacts"])


def collect_garbage() -> None:
    """Rows from the database, artifacts through the server (MLFLOW_TRACKING_URI), as MLflow wants it."""
    _given("MLFLOW_TRACKING_URI")
    database = _given("MLFLOW_BACKEND_STORE_URI")
    from mlflow.cli import gc

    # Called here, not as a command of its own: the address holds a password, and command lines are for all to see.
    gc.main(["--backend-store-uri", database, "--older-than", os.environ.get("GARBAGE_OLDER_THAN", "30d")])


def upload(file: str) -> None:
    """Keep a dump under a name that sorts by time, then drop the oldest beyond BACKUPS_KEPT."""
    s3, bucket, folder = _backups()
    key = f"{folder}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.dump"
    s3.upload_file(file, bucket, key)
    print(f"kept s3://{bucket}/{key} ({Path(file).stat().st_size} bytes)")
    for old in _dumps(s3, bucket, folder)[: -int(os.environ.get("BACKUPS_KEPT", "14"))]:
        s3.delete_object(Bucket=bucket, Key=old)
        print(f"dropped s3://{bucket}/{old}")


def download(file: str) -> None:
    """The dump named by BACKUP (`20260131T020000Z.dump`), or the newest."""
    s3, bucket, folder = _backups()
    known = _dumps(s3, bucket, folder)
    wanted = (
        f"{folder}{os.environ['BACKUP']}" if os.environ.get("BACKUP", "newest") != "newest" else (known or [""])[-1]
    )
    if wanted not in known:
        raise RefusedError(f"no backup {wanted!r} in s3://{bucket}/{folder}; there are: {', '.join(known) or 'none'}")
    s3.download_file(bucket, wanted, file)
    print(f"fetched s3://{bucket}/{wanted}")


def _write_config() -> None:
    """MLflow takes the address of its users' database from a file alone; the file lies in memory, for us alone."""
    escaped = _given("MLFLOW_BACKEND_STORE_URI").replace("%", "%%")
    CONFIG.touch(mode=0o600)
    CONFIG.write_text(
        "[mlflow]\n"
        "default_permission = NO_PERMISSIONS\n"
        f"database_uri = {escaped}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n",
        encoding="utf-8",
    )
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(CONFIG)


def _migrate() -> None:
    """Both sets of tables: runs and models, then users and permissions."""
    import mlflow.db
    import mlflow.server.auth.db.cli as auth

    uri = _given("MLFLOW_BACKEND_STORE_URI")
    mlflow.db.upgrade.callback(uri)
    auth.upgrade.callback(uri, "head")


def _make_bucket(s3: Any, bucket: str) -> None:
    from botocore.exceptions import ClientError

    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in MISSING:
            raise
        s3.create_bucket(Bucket=bucket)


def _reached(what: str, call: Callable[[], R]) -> R:
    """The answer of a service that may still be starting."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except Exception as error:  # drivers raise what they like; the last one is told
            reason = " ".join(str(error).split())
            if time.monotonic() > deadline:
                raise RefusedError(f"{what} did not answer for {PATIENCE:.0f} s: {reason}") from None
            print(f"waiting for {what}: {reason[:200]}", flush=True)
            time.sleep(3)


def _backups() -> tuple[Any, str, str]:
    import boto3

    return (boto3.client("s3"), *_place("BACKUPS"))


def _dumps(s3: Any, bucket: str, folder: str) -> list[str]:
    """Every dump, the oldest first."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
    return sorted(item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(".dump"))


def _place(name: str) -> tuple[str, str]:
    """`s3://bucket/some/folder` as (`bucket`, `some/folder/`)."""
    scheme, _, path = _given(name).partition("://")
    bucket, _, folder = path.partition("/")
    if scheme != "s3" or not bucket:
        raise RefusedError(f"{name} is {os.environ[name]!r}; it must be s3://bucket/folder")
    return bucket, f"{folder.strip('/')}/" if folder else ""


def _given(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise RefusedError(f"{name} is not set; see docs/how-to/run-on-kubernetes.md for the secrets and settings")
    return value


if __name__ == "__main__":
    main()
