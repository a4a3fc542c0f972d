"""Signed folders (OpenSSF model-signing, key method): made and verified offline, every file covered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bedside.artifacts import content_digest, sha256
from bedside.errors import RefusedError
from bedside.registry import keys

SIGNATURE = "model.sig"


class SignatureError(RefusedError):
    """A bundle is not what was signed, or not signed with the expected key."""


def sign(folder: Path, private: Path | None = None) -> None:
    """Write `model.sig` into the folder; it covers every other file there."""
    from model_signing import signing

    folder = folder.resolve()  # the library compares whole paths
    signature = folder / SIGNATURE
    signature.unlink(missing_ok=True)
    config: Any = signing.Config()  # type: ignore[no-untyped-call]  # the library leaves it unannotated
    config.set_hashing_config(_everything_but(signature)).use_elliptic_key_signer(
        private_key=private or keys.private_key()
    ).sign(folder, signature)


def verify(folder: Path, public: Path) -> None:
    """SignatureError unless the folder holds exactly what the owner of `public` signed, no file more or less."""
    from model_signing import verifying

    folder = folder.resolve()
    signature = folder / SIGNATURE
    if not signature.is_file():
        raise SignatureError(f"{folder}: not signed ({SIGNATURE} is missing); take the bundle from the registry")
    if not public.is_file():
        raise SignatureError(f"{public}: no such public key")
    linked = next((path for path in folder.rglob("*") if path.is_symlink()), None)
    if linked is not None:
        raise SignatureError(f"{linked}: a link, and what it points to is not signed")
    config: Any = verifying.Config()  # type: ignore[no-untyped-call]  # the library leaves it unannotated
    try:
        config.set_hashing_config(_everything_but(signature)).use_elliptic_key_verifier(public_key=public).verify(
            folder, signature
        )
    except Exception as error:  # whatever the parser of a hostile signature raises, the answer is no
        raise SignatureError(
            f"{folder}: refused, the signature does not fit ({type(error).__name__}: {error}); "
            "take the bundle from the registry again"
        ) from None


def verify_any(folder: Path, publics: Sequence[Path]) -> None:
    """SignatureError unless the owner of one of these keys signed the folder; it is about the first key."""
    errors: list[SignatureError] = []
    for public in publics:
        try:
            return verify(folder, public)
        except SignatureError as error:
            errors.append(error)
    raise errors[0]


def _everything_but(signature: Path) -> Any:
    """Every other file counts, also `.git*`, which the library would let anyone add."""
    from model_signing import hashing

    config: Any = hashing.Config()  # type: ignore[no-untyped-call]  # the library leaves it unannotated
    return config.set_ignored_paths(paths=[signature], ignore_git_paths=False)


def digest(folder: Path) -> str:
    """sha256 over the names and digests of what is signed; the signature itself differs each time it is made."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SIGNATURE)
    return content_digest({str(path.relative_to(folder)): sha256(path) for path in files})
