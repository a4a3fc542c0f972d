"""Run the pipeline of one git revision in a workspace that outlives the process: what a CronJob calls.

python -m pipelines.scheduled /work --repository https://git.example.org/bedside.git --revision main \\
    [--profile profiles/simulated.yaml] [--remote s3://bucket/dvc]

/work holds the checkout, the workspace (artifacts, DVC's cache, journals, checkpoints, keys) and a lock. Killed at any
instant and started again, it goes on where it stopped: finished stages come from DVC, a training from its checkpoint.
With a DVC remote even a new volume finds the finished stages again. MLFLOW_TRACKING_URI names the tracking server.

Exit status: 0 done; 1 a stage failed or something was away, so trying again may help; 2 refused, so it will not.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bedside.errors import RefusedError
from bedside.redaction import clean
from bedside.terminal import in_utf8
from bedside.tracking.lock import locked

REFUSED = 2
FLUSH = "900"  # seconds that the tracking server may be away at the end; the journals wait in any case
GRACE = 10.0  # seconds for the stages to go when this process is told to


def main(argv: Sequence[str] | None = None) -> None:
    if argv is None:
        in_utf8()
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m pipelines.scheduled", description=__doc__, formatter_class=raw)
    parser.add_argument("folder", type=Path, help="a volume that is kept from run to run")
    parser.add_argument("--repository", required=True, metavar="URL", help="git repository of the pipeline")
    parser.add_argument("--revision", required=True, help="branch, tag or whole commit")
    parser.add_argument("--profile", default="", help="parameters that replace those of params.yaml, in that revision")
    parser.add_argument(
        "--remote", default="", metavar="URL", help="DVC remote to take finished stages from and push to"
    )
    parser.add_argument(
        "--wait", type=float, default=60, metavar="SECONDS", help="for a predecessor that is being ended (60)"
    )
    given = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    try:
        with locked(given.folder / ".lock", given.wait):
            sys.exit(run(given.folder, given.repository, given.revision, given.profile, given.remote))
    except TimeoutError:
        sys.exit(f"scheduled: another run is going on in {given.folder}; this one ends, the other one goes on")
    except RefusedError as error:
        print(f"scheduled: {error}", file=sys.stderr)
        sys.exit(REFUSED)
    except (RuntimeError, OSError) as error:  # OSError: a volume that is full or read-only, a container without git
        sys.exit(f"scheduled: {error}")


def run(folder: Path, repository: str, revision: str, profile: str, remote: str) -> int:
    """Check out, run, record; the exit status. Whatever happened, the record is replayed into the tracking server."""
    commit = checkout(repository, revision, folder / "source")
    print(f"scheduled: {revision} of {clean(repository)} is {commit}", flush=True)
    if profile and not (folder / "source" / profile).is_file():
        raise RefusedError(f"revision {revision} has no profile {profile!r}; name a file of that revision, or none")
    work = Workspace(folder, commit)
    if work.lay_out(profile):
        return 1
    work.forget_dead_locks()
    fetched = work.fetch(remote) if remote else 0
    status = work.reproduce(profile, pull=bool(remote))
    pushed = work.dvc("push", "--run-cache") if remote else 0
    recorded = work.bedside("flush", "--timeout", FLUSH)
    return 1 if any((fetched, status, pushed, recorded)) else 0


def checkout(repository: str, revision: str, source: Path) -> str:
    """The files of that revision in `source`, nothing else; the commit.

    Raises RefusedError where the repository has no such revision, RuntimeError where it cannot be reached.
    """
    git = ["git", "-C", str(source)]
    if _said(*git, "rev-parse", "--git-dir") != ".git":  # none yet, or one that was killed in the making
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        _git(source, "init", "--quiet")
    for lock in (source / ".git").glob("*.lock"):  # of a killed run; ours is the only one
        lock.unlink()
    fetched = subprocess.run(
        [*git, "fetch", "--quiet", "--no-tags", "--depth=1", "--", repository, revision],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if fetched.returncode:
        reason, shown = clean(" ".join(fetched.stderr.split())), clean(repository)
        if "remote ref" in reason or "not our ref" in reason:
            raise RefusedError(f"{shown} has no revision {revision!r}; name a branch, a tag or a whole commit")
        raise RuntimeError(f"cannot fetch {revision!r} from {shown}: {reason}")
    _git(source, "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    _git(source, "clean", "--quiet", "-ffdx")
    return _said(*git, "rev-parse", "HEAD")


class Workspace:
    """A workspace laid out by the revision's own sources; every command runs in a process group of its own."""

    def __init__(self, folder: Path, commit: str) -> None:
        self.source, self.folder = folder.resolve() / "source", folder.resolve() / "workspace"
        self.server = os.environ.get("MLFLOW_TRACKING_URI", "")
        self.commit = {"BEDSIDE_GIT_COMMIT": commit}

    def lay_out(self, profile: str, *how: str) -> int:
        """As the revision's own sources do it; with `how`, run it too."""
        command = [sys.executable, "-m", "pipelines.workspace", str(self.folder), *how]
        return _call(
            [*command, *(["--profile", profile] if profile else [])], self.source, self._environment(self.source)
        )

    def reproduce(self, profile: str, pull: bool) -> int:
        server = ["--server", self.server] if self.server else []
        return self.lay_out(profile, "--run", *server, *(["--pull"] if pull else []))

    def forget_dead_locks(self) -> None:
        """DVC remembers readers and writers by process number; in the next container that number is somebody else's."""
        for name in ("rwlock", "rwlock.lock", "lock"):
            (self.folder / ".dvc/tmp" / name).unlink(missing_ok=True)

    def fetch(self, remote: str) -> int:
        """Name the remote in this workspace alone and fetch what other volumes finished; an empty one is no error."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3", "")
        status = self.dvc("remote", "add", "--quiet", "--local", "--force", "--default", "store", remote)
        if remote.startswith("s3://") and endpoint:
            status = status or self.dvc("remote", "modify", "--quiet", "--local", "store", "endpointurl", endpoint)
        return status or self.dvc("fetch", "--quiet", "--run-cache")

    def dvc(self, *arguments: str) -> int:
        return _call(["dvc", *arguments], self.folder, self._environment(self.folder))

    def bedside(self, *arguments: str) -> int:
        return _call([sys.executable, "-m", "bedside.cli", *arguments], self.folder, self._environment(self.folder))

    def _environment(self, sources: Path) -> dict[str, str]:
        own = {"PYTHONPATH": f"{sources / 'src'}{os.pathsep}{sources}", "BEDSIDE_HOME": str(self.folder / ".bedside")}
        own["DVC_SITE_CACHE_DIR"] = str(self.folder / ".dvc/site")  # else below /var, which a container may not write
        return {**os.environ, **own, **self.commit}


def _call(command: Sequence[str], folder: Path, environment: dict[str, str]) -> int:
    """Run in a process group of its own; what interrupts this process ends the whole group."""
    child = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    try:
        return child.wait()
    except BaseException:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
        raise


def _stop(number: int, _: FrameType | None) -> NoReturn:
    """The first process of a container gets the signal alone; the kernel ignores it there unless it is handled."""
    sys.exit(128 + number)


def _git(source: Path, *arguments: str) -> None:
    """What must succeed in the checkout; RuntimeError in git's words where it does not (a full disk, another owner)."""
    done = subprocess.run(
        ["git", "-C", str(source), *arguments], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        raise RuntimeError(f"git {arguments[0]} fails in {source}: {clean(' '.join(done.stderr.split()))}")


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    main()
