"""The scheduled run's own part: the checkout, dead locks, signals. Whole runs are in tests/cluster."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bedside.errors import RefusedError
from pipelines.scheduled import Workspace, checkout

SOURCES = {"pipelines/__init__.py": "", "src/bedside/__init__.py": "", "profiles/short.yaml": "{}"}


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(repository: Path, **files: str) -> str:
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "change")
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    commit(folder, **SOURCES)
    return folder


def run(folder: Path, repository: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.scheduled", str(folder), "--repository", str(repository)]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["main", "v1", "commit"])
def test_a_branch_a_tag_and_a_commit_can_be_named(repository: Path, tmp_path: Path, name: str) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "v1")
    assert checkout(repository.as_uri(), head if name == "commit" else name, tmp_path / "source") == head


def test_a_second_checkout_holds_the_new_revision_and_nothing_else(repository: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    checkout(str(repository), "main", source)
    (source / "stray.py").write_text("left by hand")
    (source / "profiles/short.yaml").write_text("edited")
    (source / ".git/index.lock").touch()  # as a kill leaves it
    head = commit(repository, **{"new.txt": "new"})
    assert checkout(str(repository), "main", source) == head
    assert git(source, "status", "--porcelain") == ""
    assert {path.name for path in source.iterdir()} == {".git", "new.txt", "pipelines", "profiles", "src"}


def test_a_checkout_killed_in_the_making_is_made_anew(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "source/.git/objects").mkdir(parents=True)
    (tmp_path / "source/.git/HEAD").write_text("half of")
    assert checkout(str(repository), "main", tmp_path / "source") == git(repository, "rev-parse", "HEAD")


def test_an_unknown_revision_is_refused_for_good_and_a_known_one_mends_it(repository: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for unknown in ("v9", "0" * 40):
        with pytest.raises(RefusedError, match=f"has no revision '{unknown}'"):
            checkout(repository.as_uri(), unknown, source)
    assert checkout(repository.as_uri(), "main", source)


def test_what_may_help_to_try_again_and_what_not_have_different_exit_statuses(repository: Path, tmp_path: Path) -> None:
    unknown = run(tmp_path / "work", repository, "--revision", "v9")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert "has no revision 'v9'" in unknown.stderr
    away = run(tmp_path / "work", tmp_path / "not-there", "--revision", "main")
    assert (away.returncode, away.stderr.count("\n")) == (1, 1)
    assert f"cannot fetch 'main' from {tmp_path / 'not-there'}" in away.stderr
    profile = run(tmp_path / "work", repository, "--revision", "main", "--profile", "profiles/none.yaml")
    assert (profile.returncode, "no profile 'profiles/none.yaml'" in profile.stderr) == (2, True)


def test_what_git_refuses_in_the_checkout_is_told_in_its_words(repository: Path, tmp_path: Path) -> None:
    commit(repository, **{".gitattributes": "*.txt filter=broken", "data.txt": "1"})
    (tmp_path / "work/source").mkdir(parents=True)
    git(tmp_path / "work/source", "init", "-q")
    git(tmp_path / "work/source", "config", "filter.broken.smudge", "false")
    git(tmp_path / "work/source", "config", "filter.broken.required", "true")
    done = run(tmp_path / "work", repository, "--revision", "main")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert re.match(r"scheduled: git checkout fails in .*/source: .*smudge filter broken failed", done.stderr)


def test_a_token_in_the_repositorys_address_is_in_no_line_of_the_log(repository: Path, tmp_path: Path) -> None:
    token = "canary-77e1"
    host = f"file://user:{token}@localhost"  # git leaves the host of such an address out of account
    done = [
        run(tmp_path / "work", f"{host}{repository}", "--revision", "main", "--profile", "profiles/none.yaml"),
        run(tmp_path / "work", f"{host}{repository}", "--revision", "v9"),
        run(tmp_path / "work", f"http://user:a/{token}@127.0.0.1:9/bedside.git", "--revision", "main"),
        run(tmp_path / "work", f"unknown://user:{token}@127.0.0.1/bedside.git", "--revision", "main"),
    ]
    assert "77e1" not in "".join(one.stdout + one.stderr for one in done)
    assert [one.returncode for one in done] == [2, 2, 1, 1]


def test_a_run_that_finds_another_one_in_its_folder_leaves_it_alone(repository: Path, tmp_path: Path) -> None:
    from bedside.tracking.lock import locked

    with locked(tmp_path / "work/.lock", 0):
        second = run(tmp_path / "work", repository, "--revision", "main", "--wait", "0")
    assert second.returncode == 1
    assert "another run is going on" in second.stderr
    assert not (tmp_path / "work/source").exists()


def test_a_lock_that_dvc_left_in_a_killed_container_does_not_block_the_next_one(tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "dvc.yaml").write_text("stages: {toy: {cmd: echo done > toy.txt, outs: [toy.txt]}}")
    (folder / ".dvc/tmp").mkdir(parents=True)
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
    killed = {"pid": os.getpid(), "cmd": "dvc repro"}  # a number that is somebody else's now
    (folder / ".dvc/tmp/rwlock").write_text(json.dumps({"read": {}, "write": {str(folder / "toy.txt"): killed}}))
    work = Workspace(tmp_path, "0" * 40)
    assert work.dvc("repro", "--quiet") != 0
    work.forget_dead_locks()
    assert work.dvc("repro", "--quiet") == 0


def test_a_signal_reaches_the_whole_run(repository: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    sleeps = f"import subprocess; subprocess.run(['sh', '-c', 'echo $$ > {started}; sleep 900'])"
    commit(repository, **{"pipelines/workspace.py": sleeps})
    command = [sys.executable, "-m", "pipelines.scheduled", str(tmp_path / "work"), "--repository", str(repository)]
    process = subprocess.Popen([*command, "--revision", "main"])
    while not started.exists() or not started.read_text():
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=300) == 128 + signal.SIGTERM
    deadline = time.monotonic() + 300
    while psutil.pid_exists(int(started.read_text())):  # until its new parent has buried it
        assert time.monotonic() < deadline, "a process of the run outlived it"
        time.sleep(0.05)
