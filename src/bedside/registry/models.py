"""The one place that talks to MLflow's model registry. Model files are never loaded here, only moved and verified."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.errors import RefusedError
from bedside.registry.keys import RECOVER
from bedside.tracking.store import asked, client

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


class Models:
    """The versions and aliases of one registered model."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.client = client()

    def versions(self) -> list["ModelVersion"]:
        """All versions, oldest first."""
        found = asked(lambda: self.client.search_model_versions(f"name = '{self.name}'"))
        return sorted(found, key=lambda version: int(version.version))

    def version(self, number: str) -> "ModelVersion | None":
        return next((version for version in self.versions() if str(version.version) == number), None)

    def aliased(self, alias: str) -> "ModelVersion | None":
        """The version that `alias` points at, read anew from the store; None too while there is no such model.

        Whether there is one is asked first: of a model that is not there, a server with sign-in says "forbidden".
        """
        from mlflow.exceptions import MlflowException

        def ask() -> "ModelVersion | None":
            try:
                return self.client.get_model_version_by_alias(self.name, alias)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None  # no such alias
                raise

        return asked(ask) if self.exists() else None

    def number(self, alias: str) -> str | None:
        """The version number behind `alias`, or None."""
        version = self.aliased(alias)
        return None if version is None else str(version.version)

    def upload(self, run_id: str, folder: Path, place: str) -> None:
        """Keep the files of `folder` as artifacts of a run, under `place`."""
        asked(lambda: self.client.log_artifacts(run_id, str(folder), place))

    def register(self, run_id: str, place: str, description: str, tags: Mapping[str, str]) -> str:
        """A new version whose source is `place` in the run's artifacts; its number."""
        source = f"runs:/{run_id}/{place}"
        made = asked(
            lambda: self.client.create_model_version(
                self.name, source, run_id, tags=dict(tags), description=description
            )
        )
        return str(made.version)

    def create(self, description: str) -> None:
        """Make sure that the registered model exists and says what it is."""
        if not self.exists():
            asked(lambda: self.client.create_registered_model(self.name, description=description))

    def experiment(self, run_id: str) -> str:
        """The experiment that a run belongs to."""
        return str(asked(lambda: self.client.get_run(run_id)).info.experiment_id)

    def point(self, alias: str, number: str) -> None:
        """Move `alias` in one step: it is never absent in between."""
        asked(lambda: self.client.set_registered_model_alias(self.name, alias, number))

    def unpoint(self, alias: str) -> None:
        """Take `alias` away."""
        asked(lambda: self.client.delete_registered_model_alias(self.name, alias))

    def tag(self, number: str, name: str, value: str) -> None:
        asked(lambda: self.client.set_model_version_tag(self.name, number, name, value))

    def download(self, version: "ModelVersion", folder: Path) -> Path:
        """The bundle of a version; unverified, so verify its signature before reading anything in it.

        RefusedError if its files are gone, which is another thing than a store that is away.
        """
        _, _, place = str(version.source).removeprefix("runs:/").partition("/")
        if not asked(lambda: self.client.list_artifacts(str(version.run_id), place)):
            raise RefusedError(
                f"{self.name} version {version.version}: its files are gone from the registry; {RECOVER}"
            )
        local = asked(lambda: self.client.download_artifacts(str(version.run_id), place, str(folder)))
        return Path(local)

    def exists(self) -> bool:
        """Whether the registry has this model."""
        return bool(asked(lambda: self.client.search_registered_models(f"name = '{self.name}'")))
