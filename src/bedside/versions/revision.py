"""What git says the recordings are: DVC's digest of them in `dvc.lock` of one revision.

Git runs in a temporary folder with settings of its own: no home, no identity and nobody's configuration is needed.
"""

import contextlib
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bedside.errors import RefusedError

OUTPUT = "artifacts/recordings"
# A mounted repository belongs to another account; who may read a private one is in the environment.
_SETTINGS = r"""[safe]
directory = *
[http]
lowSpeedLimit = 1000
lowSpeedTime = 60
[credential]
helper = "!f() { echo \"username=$BEDSIDE_GIT_USERNAME\"; echo \"password=$BEDSIDE_GIT_PASSWORD\"; }; f"
"""


@dataclass(frozen=True)
class Locked:
    """What a commit says of the recordings: the md5 of their list (`<hex>.dir`, as DVC writes it) and their bytes."""

    commit: str
    md5: str
    size: int


def locked(repository: str, revision: str) -> Locked:
    """What the recordings are at that revision; RefusedError where the repository does not say."""
    with tempfile.TemporaryDirectory(prefix="bedside-git-") as folder:
        git = _Git(Path(folder))
        commit = git.fetch(repository, revision)
        lock = git("show", f"{commit}:dvc.lock", refused=f"{repository} at {revision} has no dvc.lock: commit it")
    for out in _outs(lock):
        if out.get("path") == OUTPUT and str(out.get("md5")).endswith(".dir"):
            return Locked(commit, out["md5"], int(out.get("size", 0)))
    raise RefusedError(
        f"dvc.lock of {repository} at {revision} ({commit[:12]}) has no {OUTPUT}; "
        "run `dvc repro ingest` and `dvc push`, and commit dvc.lock"
    )


class _Git:
    """A bare repository with settings of its own; a command that fails is a RefusedError with git's own words."""

    def __init__(self, folder: Path) -> None:
        (folder / "settings").write_text(_SETTINGS, encoding="utf-8")
        own = {"GIT_CONFIG_GLOBAL": str(folder / "settings"), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        self._folder, self._environment = folder, os.environ | own | {"HOME": str(folder)}
        self("init", "--quiet", "--bare", refused="no temporary repository can be made")

    def __call__(self, *arguments: str, refused: str) -> str:
        command = ["git", f"--git-dir={self._folder}/bare", *arguments]
        try:
            done = subprocess.run(
                command, env=self._environment, capture_output=True, encoding="utf-8", errors="replace", check=False
            )
        except FileNotFoundError:
            raise RefusedError("there is no git here; the training image has one") from None
        if done.returncode:
            said = re.findall(r"^(?:fatal|error): (.*)", done.stderr, re.MULTILINE)
            raise RefusedError(f"{refused} ({said[0]})" if said else refused)
        return done.stdout

    def fetch(self, repository: str, revision: str) -> str:
        """Get the revision, alone where the repository allows that; its commit."""
        is_url = re.match(r"[\w+]+://|[^/]+@[^/]+:", repository)
        address = repository if is_url else f"file://{Path(repository).resolve()}"
        with contextlib.suppress(RefusedError):
            self("fetch", "--quiet", "--depth=1", address, revision, refused="")
            return self("rev-parse", "--verify", "FETCH_HEAD^{commit}", refused="").strip()
        unread = f"{repository} cannot be read; check the address and BEDSIDE_GIT_USERNAME, BEDSIDE_GIT_PASSWORD"
        self("fetch", "--quiet", address, "+refs/*:refs/*", refused=unread)
        unknown = f"{repository} has no revision {revision!r}; push it there, or name a branch, a tag or a commit of it"
        return self("rev-parse", "--verify", f"{revision}^{{commit}}", refused=unknown).strip()


def _outs(lock: str) -> list[dict[str, Any]]:
    """The outputs of every stage."""
    try:
        return [out for stage in yaml.safe_load(lock)["stages"].values() for out in stage.get("outs", [])]
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        return []
