"""A new MLflow database appears whole: making one takes dozens of steps, and one left half made stays broken."""

from pathlib import Path

from bedside.tracking.lock import locked

PATIENCE = 120.0  # seconds; making one takes about five


def create_if_missing(uri: str) -> None:
    """Make the SQLite database of `uri` beside its place and rename it there; servers make their own."""
    scheme, _, path = uri.partition(":///")
    if scheme != "sqlite" or not path or Path(path).exists():
        return
    database = Path(path).absolute()
    with locked(database.with_name(f".{database.name}.lock"), PATIENCE):
        if database.exists():
            return
        new = database.with_name(f".{database.name}.new")
        for rest in database.parent.glob(f"{new.name}*"):  # of one that was killed here
            rest.unlink()
        _make(f"sqlite:///{new}")
        new.replace(database)


def _make(uri: str) -> None:
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)
