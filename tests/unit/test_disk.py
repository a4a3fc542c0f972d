"""What a disk does not take is one sentence with the file and what to do; the old content stays."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bedside import disk

NEXT = "and give the same command again"


def full(file: Path) -> None:
    """Make the disk full for the next write to this file."""
    file.with_name(f".{file.name}.{os.getpid()}.part").symlink_to("/dev/full")


def test_the_new_content_is_there_and_the_old_one_beside_it(tmp_path: Path) -> None:
    for content in (b"first", b"second", b"third"):
        disk.write(tmp_path / "a", content, before=tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == b"third"
    assert (tmp_path / "b").read_bytes() == b"second"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_on_a_full_disk_the_old_content_stays_and_the_message_names_the_file(tmp_path: Path) -> None:
    disk.write(tmp_path / "a", b"first")
    full(tmp_path / "a")
    with pytest.raises(OSError, match="No space left") as refused:
        disk.write(tmp_path / "a", b"second", before=tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    told = disk.explained(refused.value)
    assert told.startswith(f"{tmp_path}/a: No space left on device; free some, or set BEDSIDE_HOME (now ")
    assert told.endswith(NEXT)
    assert "\n" not in told


def test_a_full_disk_that_names_no_file_is_looked_for() -> None:
    told = disk.explained(OSError(errno.ENOSPC, "No space left on device"))
    assert told.startswith("a disk: No space left on device; free some,")


def test_numpys_word_for_a_full_disk_is_understood() -> None:
    with pytest.raises(OSError, match="requested and") as refused, Path("/dev/full").open("wb", buffering=0) as file:
        np.zeros(100_000).tofile(file)
    assert "No space left on device; free some" in disk.explained(refused.value)


def test_other_errors_are_told_as_they_are() -> None:
    assert disk.explained(FileNotFoundError(2, "No such file", "x")) == "[Errno 2] No such file: 'x'"


def test_a_state_folder_that_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "components.ingest",
            "--recordings",
            str(tmp_path / "r"),
            "--source",
            '{"kind": "simulated"}',
        ],
        env=os.environ | {"BEDSIDE_HOME": "/sys/bedside"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (told,) = done.stderr.splitlines()
    assert told.startswith("ingest: /sys/bedside: ")
    assert "give this user the right to it, or set BEDSIDE_HOME (now /sys/bedside) to a folder it may write to" in told
    assert not (tmp_path / "r").exists()
