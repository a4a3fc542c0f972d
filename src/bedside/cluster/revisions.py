"""Git revisions and DVC remotes that a command line names: known before anything is sent, and exact from then on."""

import configparser
import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bedside.errors import RefusedError


def commit(revision: str, repository: Path = Path()) -> str:
    """The full commit id of a branch, tag or abbreviation."""
    done = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if done.returncode != 0:
        names = _git(repository, "for-each-ref", "--format=%(refname:short)", "--count=8").stdout.split()
        raise RefusedError(
            f"unknown git revision {revision!r}; known here: {', '.join(names) or 'none'}, or any commit id "
            "(`git fetch` brings newer ones)"
        )
    return done.stdout.strip()


@contextlib.contextmanager
def checked_out(revision: str, repository: Path = Path()) -> Iterator[Path]:
    """The files of a commit in a folder of their own; the working tree stays as it is."""
    with tempfile.TemporaryDirectory(prefix="bedside-") as folder:
        place = Path(folder) / "sources"
        done = _git(repository, "worktree", "add", "--detach", str(place), commit(revision, repository))
        if done.returncode != 0:
            raise RefusedError(f"git cannot check out {revision!r}: {done.stderr.strip().splitlines()[-1]}")
        try:
            yield place
        finally:
            _git(repository, "worktree", "remove", "--force", str(place))


def remote(name: str, repository: Path = Path()) -> str:
    """The name of a DVC remote that the repository has, or a URL as it is."""
    known = []
    for file in (repository / ".dvc/config", repository / ".dvc/config.local"):
        parser = configparser.ConfigParser()
        parser.read(file)
        sections = [section.strip("'") for section in parser.sections()]
        known += [section[8:-1] for section in sections if section.startswith('remote "')]
    if "://" not in name and name not in known:
        raise RefusedError(
            f"unknown DVC remote {name!r}; in .dvc/config: {', '.join(known) or 'none'} (`dvc remote add`)"
        )
    return name


def _git(repository: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # of a hook, say
    return subprocess.run(
        ["git", "-C", str(repository), *command], capture_output=True, text=True, check=False, env=environment
    )
