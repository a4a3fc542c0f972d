"""Keys: elliptic-curve pairs that sign bundles, the promotion log and sign-offs. A device needs public halves only.

The workspace's own is made on first use under `BEDSIDE_HOME/keys`, readable by its owner alone, or is the PEM file that
BEDSIDE_SIGNING_KEY names. A key's name is the beginning of the sha256 of its public half.
"""

import base64
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.errors import RefusedError
from bedside.scratch import home

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

SIGNING_KEY = "BEDSIDE_SIGNING_KEY"
RECOVER = "docs/how-to/recover.md says how to go on"


def folder() -> Path:
    """Where this workspace keeps keys."""
    return home() / "keys"


def private_key() -> Path:
    """The signing key: BEDSIDE_SIGNING_KEY, else this workspace's own, made on first use (NIST P-256).

    RefusedError where it is missing and a log is there that it signed: a new one could verify nothing of that.
    """
    given = os.environ.get(SIGNING_KEY)
    path = Path(given) if given else folder() / "signing.pem"
    if given and not path.is_file():
        raise RefusedError(f"{SIGNING_KEY} names {path}, which is not there; correct the path or unset it")
    if not path.exists():
        _refuse_beside_a_log(path)
        make(path)
    return path


def _refuse_beside_a_log(path: Path) -> None:
    log = home() / "promotions.jsonl"
    if log.is_file() and log.stat().st_size:
        raise RefusedError(
            f"{path}: the signing key is missing, and {log} was signed with one; put it back from its copy, or name it "
            f"in {SIGNING_KEY}. Where it is lost, begin a new log: {RECOVER}"
        )


def public_key(private: Path | None = None) -> Path:
    """The public half as a file beside the workspace's keys; give this file to the devices."""
    text = public_text(private or private_key())
    path = folder() / f"{name_of(text)}.pub"
    if not path.exists() or path.read_text(encoding="ascii", errors="replace") != text:
        keep(text)  # another's key under this name would make forgeries genuine
    return path


def public_text(private: Path) -> str:
    """The public half as PEM text."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = _load(private).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode("ascii")


def name_of(text: str) -> str:
    """What a public key is called in logs and files."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def in_one_line(text: str) -> str:
    """A public key as an entry of the log holds it: the base64 of its PEM text."""
    return base64.b64encode(text.encode()).decode()


def pem(line: str) -> str:
    """The PEM text of such a line; RefusedError where there is no key in it."""
    try:
        text = base64.b64decode(line, validate=True).decode("ascii")
    except (ValueError, TypeError):
        raise RefusedError(f"{str(line)[:40]!r}: not a public key") from None
    load_public(text)
    return text


def keep(text: str) -> Path:
    """Put a public key (PEM text) beside the workspace's keys, under its name; returns the file."""
    path = folder() / f"{name_of(text)}.pub"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(text, encoding="ascii")
    partial.replace(path)
    return path


def known(name: str) -> Path | None:
    """The file of a public key by its name; None where it is not here or is another than its name says."""
    path = folder() / f"{name}.pub"
    if not path.is_file() or name_of(path.read_text(encoding="ascii", errors="replace")) != name:
        return None
    return path


def sign_bytes(message: bytes, private: Path) -> bytes:
    """An ECDSA signature (SHA-256) over a short message."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return _load(private).sign(message, ECDSA(SHA256()))


def is_signed(message: bytes, signature: bytes, public: Path | str) -> bool:
    """Whether the owner of `public` (a file, or its text) signed this message."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    text = public if isinstance(public, str) else public.read_text(encoding="ascii", errors="replace")
    try:
        load_public(text).verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def make(path: Path) -> Path:
    """Create a key file, complete and private from its first instant; of two that race, the first stays."""
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
    return path


def load_public(text: str, where: str = "a public key") -> "EllipticCurvePublicKey":
    """The key of PEM text; RefusedError where that is anything but a public elliptic-curve key."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, TypeError) as error:
        raise RefusedError(f"{where}: not a PEM public key ({error})") from None
    if not isinstance(key, EllipticCurvePublicKey):
        raise RefusedError(f"{where}: not an elliptic-curve public key")
    return key


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
