"""Git revisions and DVC remotes that a command line names: known before anything is sent, and exact from then on."""

import configparser
import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bedside.errors import RefusedError
from bedside.params import validate
from bedside.versions import DataVersion


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


def data_version(
    revision: str, remote: str | None = None, repository: str | None = None, folder: Path = Path()
) -> dict[str, str]:
    """What `components/checkout.py` brings: repository, commit and DVC remote.

    ParamsError where an address holds credentials: addresses are recorded.
    """
    if repository is None:
        repository = _git(folder, "remote", "get-url", "origin").stdout.strip()
        if not repository:
            raise RefusedError("git has no remote `origin` here; give --repository, as the cluster reaches it")
    version = {"repository": repository, "revision": commit(revision, folder), **_remote(remote, folder)}
    return validate(DataVersion, version, where="data version").model_dump(exclude_none=True)


def _remote(name: str | None, folder: Path) -> dict[str, str]:
    """Address and endpoint of a DVC remote, named or the default one."""
    settings = configparser.ConfigParser()
    settings.read([folder / ".dvc/config", folder / ".dvc/config.local"])
    known = {one[9:-2]: settings[one] for one in settings.sections() if one.startswith("'remote \"")}
    wanted = str(name or settings.get("core", "remote", fallback=""))
    if "://" in wanted:
        return {"remote": wanted}
    if wanted not in known:
        what = f"unknown DVC remote {wanted!r}" if wanted else "no default DVC remote"
        raise RefusedError(f"{what}; in .dvc/config: {', '.join(known) or 'none'} (`dvc remote add`, --remote)")
    found = {"remote": known[wanted]["url"], "endpoint": known[wanted].get("endpointurl", "")}
    return {key: value for key, value in found.items() if value}


def _git(repository: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """What git answers; RefusedError, in git's words, where it will not even look (no repository, another owner's)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # of a hook, say
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *command],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            env=environment,
        )
    except FileNotFoundError:
        raise RefusedError("there is no git here, which a revision is looked up with; install it") from None
    if re.match("fatal: (not a git repository|detected dubious ownership)", done.stderr):
        raise RefusedError(f"git: {' '.join(done.stderr.removeprefix('fatal: ').split())}")
    return done
