"""Artifacts and DVC's cache, byte by byte: DVC itself trusts a cache object that was changed behind its back."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bedside.artifacts import MANIFEST, ArtifactError, open_artifact
from bedside.doctor.finding import Finding, note, ok, wrong
from bedside.errors import RefusedError


def artifacts(root: Path) -> Iterator[Finding]:
    """Every artifact under `root` against its manifest."""
    folders = sorted(file.parent for file in root.rglob(MANIFEST)) if root.is_dir() else []
    if not folders:
        yield note(f"artifacts: none under {root}", "`bedside repro` makes them")
        return
    sound = 0
    for folder in _shown(folders, "artifacts"):
        try:
            open_artifact(folder)
            sound += 1
        except (ArtifactError, RefusedError) as error:
            yield wrong(f"artifacts: {error}", f"rm -r {folder}, then `bedside repro` makes it again")
    yield ok(f"artifacts: {sound} of {len(folders)} are what their manifests say")


def cache(root: Path) -> Iterator[Finding]:
    """Every object of DVC's cache against its name, which is the md5 of its content."""
    folder = _cache_folder(root)
    objects = sorted(folder.glob("files/md5/??/*")) if folder else []
    if not objects:
        yield note("cache: DVC's cache is empty")
        return
    sound = 0
    for file in _shown(objects, "cache"):
        expected = f"{file.parent.name}{file.name}".removesuffix(".dir")
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, "md5").hexdigest()
        if found == expected:
            sound += 1
        else:
            yield wrong(
                f"cache: {file} is not what DVC put there",
                f"rm -f {file}, then `bedside doctor` again: what was made from it is checked too",
            )
    yield ok(f"cache: {sound} of {len(objects)} objects are what their names say")


def _cache_folder(root: Path) -> Path | None:
    """Where DVC keeps its cache for this project; None where this is no DVC project."""
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=60, check=True, encoding="utf-8"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return root / done.stdout.strip()


def _shown(paths: list[Path], what: str) -> Iterator[Path]:
    from tqdm import tqdm

    yield from tqdm(paths, desc=what, unit="file", delay=2, leave=False, file=sys.stderr)


def cpus(root: Path, here: str) -> Iterator[Finding]:
    """The kinds of CPU that the evidence's times are of, beside this machine's."""
    kinds: dict[str, int] = {}
    for file in sorted(root.glob("evidence/*/*/evidence.json")):
        try:
            around = json.loads(file.read_text(encoding="utf-8")).get("environment") or {}
        except (OSError, ValueError, AttributeError):
            continue  # the artifacts' check names it
        kind = str(around.get("cpu_kind") or "an unnamed kind of CPU")
        kinds[kind] = kinds.get(kind, 0) + 1
    told = ", ".join(f"{count} on {kind}" for kind, count in kinds.items()) or "none"
    if len(kinds) > 1:
        step = "evaluate all of a target on one kind, or name the devices' kind (`targets.<name>.cpu`)"
        yield wrong(f"CPU: this machine is {here}; evidence was measured on several kinds: {told}", step)
    else:
        yield ok(f"CPU: this machine is {here}; evidence: {told}")
