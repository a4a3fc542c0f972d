"""What the registry delivers for a version: believed only if it is signed, and the one that the log names."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.artifacts import sha256
from bedside.errors import RefusedError
from bedside.registry import keys, rotation, signing
from bedside.registry.history import signed_as
from bedside.registry.log import PromotionLog
from bedside.registry.models import Models
from bedside.registry.signing import SignatureError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def delivered(models: Models, number: str, folder: Path) -> Path:
    """The bundle of version `number`, verified; RefusedError too where the registry has lost the version."""
    version = models.version(number)
    if version is None:
        raise RefusedError(f"{models.name}: version {number} is gone from the registry; {keys.RECOVER}")
    return verified(models, version, folder)


def verified(models: Models, version: "ModelVersion", folder: Path) -> Path:
    """The bundle of a version in `folder`; SignatureError unless it is signed, and the one that the log names."""
    folder.mkdir(parents=True)
    bundle = models.download(version, folder)
    entries, number = PromotionLog().verify(), str(version.version)
    signed = signed_as(entries, models.name, number) or {}
    signing.verify(bundle, rotation.trusted(entries, signed.get("key")) if signed else keys.public_key())
    if wrong := _not_as_logged(bundle, signed, number):
        what = f"{' and '.join(wrong)} {'is not the one' if len(wrong) == 1 else 'are not those'}"
        raise SignatureError(
            f"{models.name} version {version.version}: its {what} that the log names; somebody exchanged the files, "
            f"find out who, and promote the right ones again; {keys.RECOVER}"
        )
    return bundle


def _not_as_logged(bundle: Path, signed: dict[str, Any], number: str) -> list[str]:
    """What differs from the log: every bundle of this workspace bears its signature, whatever version it was made for.

    Older logs name no bundles, and a log begun anew does not know the version: what is not named is not compared.
    """
    named = {
        "bundle": signed.get("bundles", {}).get(number),
        "graph": signed.get("graphs", {}).get(number),
        "target": signed.get("target"),
    }
    found = {
        "bundle": signing.digest(bundle),
        "graph": sha256(bundle / "model.onnx"),
        "target": read_json(bundle / "verdict.json")["deployment"]["target"],
    }
    return [name for name, value in named.items() if value not in (None, found[name])]


def read_json(path: Path) -> Any:
    """The content of a file of a verified bundle."""
    return json.loads(path.read_text(encoding="utf-8"))
