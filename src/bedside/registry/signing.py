"""Signed folders (OpenSSF model-signing, key method): made and verified offline, every file covered.

The private key is made on first use under `BEDSIDE_HOME/keys`, readable by its owner alone, or is the PEM file that
BEDSIDE_SIGNING_KEY names. A device needs the public key only.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.artifacts import content_digest, sha256
from bedside.errors import RefusedError
from bedside.scratch import home

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

SIGNATURE = "model.sig"


class SignatureError(RefusedError):
    """A bundle is not what was signed, or not signed with the expected key."""


def private_key() -> Path:
    """The signing key: BEDSIDE_SIGNING_KEY, else this workspace's own, made on first use (NIST P-256)."""
    given = os.environ.get("BEDSIDE_SIGNING_KEY")
    path = Path(given) if given else home() / "keys" / "signing.pem"
    if given and not path.is_file():
        raise RefusedError(f"BEDSIDE_SIGNING_KEY names {path}, which is not there; mend the path or unset it")
    if not path.exists():
        _make(path)
    return path


def public_key(private: Path | None = None) -> Path:
    """The public half beside the workspace's keys; give this file to the devices."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = _load(private or private_key()).public_key()
    text = pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path = home() / "keys" / f"{hashlib.sha256(text).hexdigest()[:16]}.pub"
    if not path.exists() or path.read_bytes() != text:  # another's key under this name would make forgeries genuine
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_bytes(text)
        partial.replace(path)
    return path


def sign(folder: Path, private: Path | None = None) -> None:
    """Write `model.sig` into the folder; it covers every other file there."""
    from model_signing import signing

    signature = folder / SIGNATURE
    signature.unlink(missing_ok=True)
    config: Any = signing.Config()  # type: ignore[no-untyped-call]  # the library leaves it unannotated
    config.set_hashing_config(_everything_but(signature)).use_elliptic_key_signer(
        private_key=private or private_key()
    ).sign(folder, signature)


def verify(folder: Path, public: Path) -> None:
    """SignatureError unless the folder holds exactly what the owner of `public` signed, no file more or less."""
    from model_signing import verifying

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


def _everything_but(signature: Path) -> Any:
    """Every other file counts, also `.git*`, which the library would let anyone add."""
    from model_signing import hashing

    config: Any = hashing.Config()  # type: ignore[no-untyped-call]  # the library leaves it unannotated
    return config.set_ignored_paths(paths=[signature], ignore_git_paths=False)


def digest(folder: Path) -> str:
    """sha256 over the names and digests of what is signed; the signature itself differs each time it is made."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SIGNATURE)
    return content_digest({str(path.relative_to(folder)): sha256(path) for path in files})


def sign_bytes(message: bytes, private: Path) -> bytes:
    """An ECDSA signature (SHA-256) over a short message."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return _load(private).sign(message, ECDSA(SHA256()))


def is_signed(message: bytes, signature: bytes, public: Path) -> bool:
    """Whether the owner of `public` signed this message."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        _load_public(public).verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _make(path: Path) -> None:
    """Create the key file complete and private from its first instant; of two that race, the first stays."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.unlink(missing_ok=True)
    key = generate_private_key(SECP256R1())
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink()


def _load(path: Path) -> "EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise RefusedError(f"{path}: not an unencrypted PEM private key ({error})") from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise RefusedError(f"{path}: a signing key is an elliptic-curve key (for example prime256v1)")
    return key


def _load_public(path: Path) -> "EllipticCurvePublicKey":
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, EllipticCurvePublicKey):
        raise RefusedError(f"{path}: not an elliptic-curve public key")
    return key
