"""Whether MLFLOW_TRACKING_URI names a store that there can be, found before MLflow tries it for minutes."""

from urllib.parse import urlsplit

from bedside.redaction import clean
from bedside.tracking.errors import AddressError

NEXT = "set MLFLOW_TRACKING_URI to a server (http://mlflow:5000) or a database (sqlite:///mlflow.db, postgresql://...)"
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


def expect_usable(uri: str) -> None:
    """AddressError for what is malformed, keeps nothing, or needs a driver that is not installed."""
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError as error:
        raise AddressError(f"{clean(uri)} is no address ({error}); {NEXT}") from None
    if parts.scheme in ("http", "https") and not parts.hostname:
        raise AddressError(f"{clean(uri)} names no server; {NEXT}")
    if is_database(uri):
        _expect_database(uri)


def is_database(uri: str) -> bool:
    """Whether MLflow asks SQLAlchemy, and no server of its own."""
    return uri.partition(":")[0].partition("+")[0] in DATABASES


def _expect_database(uri: str) -> None:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(uri)
        url.get_dialect().import_dbapi()
    except ImportError as error:
        raise AddressError(f"{clean(uri)} needs the package {error.name!r}, which is not installed here") from None
    except (ArgumentError, ValueError) as error:
        raise AddressError(f"{clean(uri)} is no address of a database ({error}); {NEXT}") from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise AddressError(f"{clean(uri)} is a database in memory, which keeps nothing; {NEXT}")


def expect_answer(uri: str) -> None:
    """SQLAlchemyError with the reason where a database does not answer; MLflow would try 15 times before it tells."""
    if not is_database(uri):
        return
    from sqlalchemy import create_engine, inspect, pool

    with create_engine(uri, poolclass=pool.NullPool).connect() as connection:
        inspect(connection).has_table("alembic_version")
