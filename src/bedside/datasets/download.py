"""Files from a publisher or its mirror (a folder or a URL of the same layout), resumable and verified."""

import base64
import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from bedside.artifacts import sha256
from bedside.datasets.recording import require_size
from bedside.errors import RefusedError
from bedside.redaction import clean

ATTEMPTS = 4
TIMEOUT_S = 30
BLOCK = 1 << 16


class DownloadError(RuntimeError):
    """A file cannot be had or is not what its publisher signed; the message says which and why."""


def is_url(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def fetch(place: str, name: str, into: Path, digest: str) -> Path:
    """Bring the file `name` of `place` to `into`, twice if its sha256 is not `digest`; return where it is.

    A file that is already there and has the digest is not fetched again, and an interrupted download goes on where it
    stopped.
    """
    target = into / name
    if target.is_file() and sha256(target) == digest:
        return target
    into.mkdir(parents=True, exist_ok=True)
    partial = into / f"{name}.part"
    for _ in range(2):
        (_download if is_url(place) else _copy)(place, name, partial)
        found = sha256(partial)
        if found == digest:
            partial.replace(target)
            return target
        partial.unlink()
    raise DownloadError(f"{name}: sha256 {found[:12]}... differs from the published {digest[:12]}..., fetched twice")


def text(place: str, name: str) -> str:
    """The text file `name` of `place`, for listings; `DownloadError` says why it cannot be had."""
    try:
        if is_url(place):
            with _open(f"{place}/{name}") as answer:
                return str(answer.read().decode())
        return (
            (Path(place) / name).read_bytes().decode("utf-8")
        )  # its digest is of these bytes: no newline is translated
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: no address
        raise DownloadError(str(getattr(error, "reason", error))) from None


def digest_of(listing: str) -> str:
    return hashlib.sha256(listing.encode()).hexdigest()


def _copy(place: str, name: str, partial: Path) -> None:
    source = Path(place) / name
    if not source.is_file():
        raise DownloadError(f"{name}: not in the mirror {place}")
    if not os.access(source, os.R_OK):
        raise DownloadError(f"{name}: may not be read in the mirror {place}")
    require_size(name, source.stat().st_size)
    shutil.copyfile(source, partial)


def _download(place: str, name: str, partial: Path) -> None:
    """Get the rest of a file; a connection that keeps breaking is refused, because it is no damage of the file."""
    url = f"{place}/{quote(name)}"
    for attempt in range(ATTEMPTS):
        try:
            return _resume(url, partial)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (408, 416, 429):
                raise DownloadError(f"{name}: the publisher answers {error.code} {error.reason}") from None
            if error.code == 416:  # the part is longer than the file: it is not a part of it
                partial.unlink(missing_ok=True)
            problem: Exception = error
        except (OSError, http.client.HTTPException) as error:
            problem = error
        time.sleep(0.2 * 4**attempt if attempt < ATTEMPTS - 1 else 0)
    raise RefusedError(
        f"{clean(url)}: the connection broke {ATTEMPTS} times ({problem}); run the stage again, it goes on from there"
    )


def _resume(url: str, partial: Path) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    with _open(url, {"Range": f"bytes={have}-"} if have else {}) as answer:
        resumed = answer.status == 206
        expected = int(answer.headers.get("Content-Length") or 0)
        name, before = partial.name.removesuffix(".part"), have if resumed else 0
        require_size(name, before + expected)
        with partial.open("ab" if resumed else "wb") as file:
            received = 0
            while block := answer.read(BLOCK):
                file.write(block)
                received += len(block)
                require_size(name, before + received)
    if received < expected:
        raise ConnectionError(f"{received} of {expected} bytes came")


def _open(url: str, headers: dict[str, str] | None = None) -> Any:
    address, sent = urlsplit(url), {"User-Agent": "bedside", **(headers or {})}
    if address.username is not None:  # urllib takes a user and password for part of the host's name
        who = f"{unquote(address.username)}:{unquote(address.password or '')}"
        sent["Authorization"] = f"Basic {base64.b64encode(who.encode()).decode()}"
        url = urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2]))
    return urllib.request.urlopen(urllib.request.Request(url, headers=sent), timeout=TIMEOUT_S)
