"""Artifacts: folders with a manifest, written atomically and verified before they are read.

A folder is either absent or complete: a stage fills a temporary sibling, the manifest is written there last, everything
is flushed, and one rename makes it visible. The digest of an artifact is the digest of its contents alone, so the same
work done by any launcher on any path has the same digest.
"""

import contextlib
import functools
import hashlib
import hmac
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from bedside import disk
from bedside.errors import RefusedError

MANIFEST = "manifest.json"
SEAL_KEY = "BEDSIDE_SEAL_KEY"
SHORTEST_KEY = 32  # characters


class ArtifactError(RuntimeError):
    """An artifact is missing, incomplete or altered; the message names the file."""


@dataclass(frozen=True)
class Port:
    """One declared input or output of a stage; `kind` is the name of the KFP artifact class."""

    direction: Literal["in", "out"]
    kind: Literal["Artifact", "Dataset", "Model"]


@dataclass(frozen=True)
class Artifact:
    """A verified folder. `labels` travel from every input to every output (for example `source: simulated`)."""

    path: Path
    manifest: Mapping[str, Any]

    @functools.cached_property
    def digest(self) -> str:
        """sha256 over the names and digests of the files."""
        return content_digest(self.manifest["files"])

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.manifest["labels"])

    def __truediv__(self, name: str) -> Path:
        if name not in self.manifest["files"]:
            raise ArtifactError(f"{self.path} holds no {name!r}; it holds: {', '.join(self.manifest['files'])}")
        return self.path / name

    def read(self, name: str) -> bytes:
        """The content of a file, which may have been exchanged since the artifact was opened: these bytes were not."""
        content = (self / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.manifest["files"][name]:
            raise ArtifactError(f"{self.path / name}: altered since it was opened (sha256 differs from the manifest)")
        return content

    def json(self, name: str) -> Any:
        """The content of a JSON file; ArtifactError where it was written and sealed half."""
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise ArtifactError(f"{self / name}: no whole JSON ({error}); run the stage that makes it again") from None


DatasetIn = Annotated[Artifact, Port("in", "Dataset")]
ModelIn = Annotated[Artifact, Port("in", "Model")]
In = Annotated[Artifact, Port("in", "Artifact")]
DatasetOut = Annotated[Path, Port("out", "Dataset")]
ModelOut = Annotated[Path, Port("out", "Model")]
Out = Annotated[Path, Port("out", "Artifact")]


def sha256(path: Path) -> str:
    """Digest of one file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(files: Mapping[str, str]) -> str:
    """Digest of a set of files from their names and digests."""
    return hashlib.sha256(json.dumps(dict(sorted(files.items()))).encode()).hexdigest()


def open_artifact(path: Path) -> Artifact:
    """Read the manifest and verify every file against it before anything is used."""
    manifest_file = path / MANIFEST
    if not manifest_file.is_file():
        raise ArtifactError(f"{path}: no complete artifact here (missing {MANIFEST}); run the stage that makes it")
    try:
        text = manifest_file.read_text(encoding="utf-8")
        manifest = json.loads(text)
        files: dict[str, str] = dict(manifest["files"])
        seal, mark, _ = manifest.pop("seal"), manifest.pop("mark", None), dict(manifest["labels"])
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{manifest_file}: not a manifest ({error})") from None
    if text != _sealed(manifest, mark):
        raise ArtifactError(f"{manifest_file}: altered since it was written (its seal {str(seal)[:12]} does not fit)")
    _check_mark(manifest_file, seal, mark)
    for name, digest in files.items():
        if not (path / name).is_file():
            raise ArtifactError(f"{path / name}: listed in the manifest but missing")
        if sha256(path / name) != digest:
            raise ArtifactError(f"{path / name}: altered since it was written (sha256 differs from the manifest)")
    return Artifact(path, manifest)


def _refuse_foreign(path: Path) -> None:
    """What no stage has made is no stage's to delete."""
    is_empty = path.is_dir() and not any(path.iterdir())
    if path.exists() and not is_empty and not (path / MANIFEST).is_file():
        raise ArtifactError(f"{path}: is there and no artifact, so it is not replaced; name another folder or move it")


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A temporary sibling of `path` to write into; it disappears if the block fails. `commit` makes it visible."""
    _refuse_foreign(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.parent / f".{path.name}.staging"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def commit(staging: Path, path: Path, record: Mapping[str, Any]) -> Artifact:
    """Write the manifest (with `record` beside the file digests), flush everything, rename the folder into place."""
    names = sorted(str(f.relative_to(staging)) for f in staging.rglob("*") if f.is_file())
    for name in names:
        (staging / name).chmod(0o644)  # some libraries write for their owner alone
    manifest = {"schema": 1, **record, "files": {name: sha256(staging / name) for name in names}}
    write_atomic(staging / MANIFEST, _sealed(manifest, _mark(_seal(manifest))))
    for entry in [*staging.rglob("*"), staging]:
        disk.flush(entry)
    old = path.parent / f".{path.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    staging.rename(path)
    disk.flush(path.parent)
    shutil.rmtree(old, ignore_errors=True)
    return Artifact(path, manifest)


def _seal(manifest: Mapping[str, Any]) -> str:
    """A digest over everything in the manifest: labels and lineage cannot change unnoticed either."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _sealed(manifest: Mapping[str, Any], mark: str | None) -> str:
    """The manifest's text with its seal, and where there is a key, with the seal's mark."""
    marked = {} if mark is None else {"mark": mark}
    return json.dumps({**manifest, "seal": _seal(manifest), **marked}, indent=1, sort_keys=True) + "\n"


def _mark(seal: str) -> str | None:
    """What only a holder of BEDSIDE_SEAL_KEY can make of a seal, which anybody can: its HMAC; None without a key."""
    key = os.environ.get(SEAL_KEY)
    if key is None:
        return None
    if len(key) < SHORTEST_KEY:
        raise RefusedError(
            f"{SEAL_KEY}: {len(key)} characters are too few; take {SHORTEST_KEY} or more, "
            "for example those of `openssl rand -hex 32`"
        )
    return hmac.new(key.encode(), seal.encode(), "sha256").hexdigest()


def _check_mark(manifest_file: Path, seal: str, mark: str | None) -> None:
    """Where there is a key, only what was made with it counts: whoever can write here can make a seal."""
    expected = _mark(seal)
    if expected is not None and not hmac.compare_digest(expected, str(mark)):
        made = "without a key" if mark is None else "with another key"
        raise ArtifactError(
            f"{manifest_file}: made {made}, and {SEAL_KEY} is set here; run the stage that makes it where that key is"
        )


def write_atomic(path: Path, text: str) -> None:
    """Replace a small text file so that a reader sees the old or the new content, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.write(path, text.encode())


def write_json(path: Path, facts: object) -> None:
    """Write facts and figures into an artifact; RefusedError names the first figure that is not a finite number."""
    path.write_text(as_json(facts, path.name), encoding="utf-8")


def as_json(facts: object, what: str) -> str:
    """Facts as text, keys sorted; RefusedError where a figure is not finite: JSON knows no such number."""
    for path, value in _not_finite(facts):
        raise RefusedError(
            f"{what}: {path} is {value}, not a finite number, so nothing is written; look at what this stage was given"
        )
    return json.dumps(facts, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _not_finite(facts: object, path: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(facts, float) and not math.isfinite(facts):
        yield path, facts
    inner: Iterable[tuple[Any, Any]] = (
        facts.items() if isinstance(facts, Mapping) else enumerate(facts) if isinstance(facts, list | tuple) else ()
    )
    for key, value in inner:
        yield from _not_finite(value, f"{path}.{key}" if path else str(key))
