"""A hostile recording is quarantined with a reason, soon and cheaply, and costs none of the others."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bedside.artifacts import open_artifact, sha256
from bedside.datasets.recording import LARGEST
from bedside.datasets.simulated import Simulated
from tests.support.hostile import HOSTILE

SECONDS, MEGABYTES = 5.0, 500
SOUND = ["s001", "s002", "s003", "s004"]  # of three people
# In a process of its own, whose memory is what this took: seconds and the end of each reading, and the most memory.
READ = """
import json, re, sys, time
from pathlib import Path
from bedside.datasets.reading import read
from bedside.datasets.recording import RecordingError
found = {}
for record in json.load(sys.stdin):
    begun = time.process_time()  # a busy machine is not its fault
    try:
        end = "; ".join(read(Path(sys.argv[1]), {"record": record}).problems())
    except RecordingError as error:
        end = str(error)
    found[record] = (time.process_time() - begun, end)
status = Path("/proc/self/status").read_text()  # ru_maxrss begins with what the process that started this one had
print(json.dumps({"found": found, "kilobytes": int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])}))
"""


def laid_out(folder: Path) -> dict[str, str]:
    """Four sound recordings, and one for each attack; `{record: attack}`."""
    Simulated(patients=3, seconds=30, lead_off=False).fetch(folder)
    attacks = {f"h{number:03d}": name for number, name in enumerate(HOSTILE)}
    for record, name in attacks.items():
        for suffix in LARGEST:
            shutil.copyfile(folder / f"s001{suffix}", folder / f"{record}{suffix}")
        header = folder / f"{record}.hea"
        header.write_text(header.read_text().replace("s001", record))
        HOSTILE[name](folder, record)
    return attacks


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("hostile")
    return folder, laid_out(folder)


def test_each_is_found_out_in_seconds_and_little_memory(hostile: tuple[Path, dict[str, str]]) -> None:
    folder, attacks = hostile
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder)],
        input=json.dumps(list(attacks)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    silent = [attacks[record] for record, (_, end) in told["found"].items() if not end]
    unforeseen = {attacks[r]: end for r, (_, end) in told["found"].items() if "cannot be read" in end}
    longest = max((seconds, attacks[record]) for record, (seconds, _) in told["found"].items())
    print(f"{len(attacks)} hostile recordings; longest {longest}; {told['kilobytes'] // 1000} MB")
    assert silent == ["rate of next to nothing"]  # a number; the source knows that it is not its own
    assert unforeseen == {}
    assert longest[0] < SECONDS
    assert told["kilobytes"] * 1024 < MEGABYTES * 1e6


def test_they_are_quarantined_and_the_others_are_kept(hostile: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, attacks = hostile
    listed(folder)
    given: dict[str, Any] = {"kind": "mitdb", "url": str(folder), "sums_sha256": None, "same_person": {}}
    command = ["components.ingest", "--recordings", str(tmp_path / "out"), "--source", json.dumps(given)]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    artifact = open_artifact(tmp_path / "out")
    assert [row["record"] for row in artifact.json("records.json")] == SOUND
    quarantined = artifact.json("quarantine.json")
    assert sorted(quarantined) == sorted(attacks)
    assert all(0 < len(reason) < 400 for reason in quarantined.values())
    assert not [name for name in artifact.manifest["files"] if "/h0" in name]


def listed(folder: Path) -> None:
    """Write the publisher's list; no reader comes to compare the digest of a file that is too large."""
    files = [file for file in sorted(folder.iterdir()) if file.suffix in LARGEST]
    sums = {file.name: sha256(file) if file.is_file() and file.stat().st_size < 50e6 else "0" * 64 for file in files}
    (folder / "SHA256SUMS.txt").write_text("".join(f"{digest} {name}\n" for name, digest in sums.items()))
