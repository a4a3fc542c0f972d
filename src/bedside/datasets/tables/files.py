"""Files of one's own that a parameter names: found, and held against the digest that the parameters state.

DVC sees parameters and no file that they name: the digest is what makes it run `ingest` again for a changed file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pydantic

from bedside.artifacts import content_digest, sha256
from bedside.errors import RefusedError
from bedside.scratch import project

Sha256 = Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]


def found(path: str, *endings: str) -> list[Path]:
    """The file at `path`, relative to the project, or all files of a folder with these endings, sorted by name."""
    place = project() / path
    if place.is_dir():
        files = sorted(file for file in place.iterdir() if file.suffix.lower() in endings and file.is_file())
        if not files:
            raise RefusedError(f"path: {path} holds no {' or '.join(endings)} file")
        return files
    if not place.is_file():
        raise RefusedError(f"path: {path} is neither a file nor a folder; it is relative to the project's folder")
    return [place]


def digest_of(files: Sequence[Path]) -> str:
    """Of one file its sha256, as `sha256sum` prints it; of several the digest of their names and digests."""
    if len(files) == 1:
        return sha256(files[0])
    return content_digest({file.name: sha256(file) for file in files})


def objection(path: str, files: Sequence[Path], stated: str | None) -> str | None:
    """Why these files are not what the parameters state; None where they are."""
    digest = digest_of(files)
    if stated is None:
        return f"sha256: missing; {path} has {digest}: state it, so that a changed file is seen"
    if stated != digest:
        return f"sha256: {path} has {digest}, not {stated[:12]}...; state that one if the change is meant"
    return None
