"""Recordings as they lie after `dvc push` and `git push`: a repository that names them, a remote that holds them."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from bedside.versions import DataVersion

AUTHOR = {f"GIT_{role}_{field}": "test" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Published:
    """A git repository and a folder in the layout of a DVC remote; more versions may be added."""

    repository: Path
    remote: Path

    @classmethod
    def at(cls, folder: Path) -> "Published":
        made = cls(folder / "repository", folder / "remote")
        made.repository.mkdir(parents=True)
        made.git("init", "--quiet", "--initial-branch=main")
        return made

    def add(self, recordings: Path, tag: str) -> str:
        """Publish a folder under a tag, as DVC would (a slow test holds this against DVC itself); its md5."""
        files = {path.relative_to(recordings).as_posix(): path for path in recordings.rglob("*") if path.is_file()}
        listed = [{"md5": self._object(path.read_bytes()), "relpath": name} for name, path in sorted(files.items())]
        md5 = self._object(json.dumps(listed, sort_keys=True).encode(), ".dir")
        out = {"path": "artifacts/recordings", "hash": "md5", "md5": md5, "size": 1, "nfiles": len(files)}
        self.commit({"dvc.lock": yaml.safe_dump({"schema": "2.0", "stages": {"ingest": {"outs": [out]}}})}, tag)
        return md5

    def commit(self, files: Mapping[str, str], tag: str) -> None:
        for name, text in files.items():
            (self.repository / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", tag)
        self.git("tag", tag)

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.repository), *arguments]
        done = subprocess.run(command, env=os.environ | AUTHOR, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def version(self, revision: str) -> DataVersion:
        return DataVersion(repository=str(self.repository), revision=revision, remote=str(self.remote))

    def place(self, md5: str) -> Path:
        return self.remote / "files/md5" / md5[:2] / md5[2:]

    def _object(self, content: bytes, suffix: str = "") -> str:
        md5 = hashlib.md5(content).hexdigest() + suffix
        self.place(md5).parent.mkdir(parents=True, exist_ok=True)
        self.place(md5).write_bytes(content)
        return md5
