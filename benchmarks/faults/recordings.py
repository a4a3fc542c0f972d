"""Damaged recordings whose publisher vouches for the damage: its list of digests agrees with the files."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from bedside.artifacts import open_artifact
from bedside.datasets.mitdb import Mitdb
from bedside.datasets.simulated import Simulated
from benchmarks.faults.flipped import cut, flip
from benchmarks.faults.rows import HELD, Outcome, Try, row, wrong
from benchmarks.faults.stages import refusal, say
from components.ingest import ingest
from tests.data.mirror import publish

RECORDS = 4  # of three people


def published(folder: Path) -> None:
    """Base: a publisher's folder with recordings of 30 s."""
    (folder / "mirror").mkdir()
    Simulated(patients=RECORDS - 1, seconds=30, lead_off=False).fetch(folder / "mirror")


def source(mirror: Path) -> Mitdb:
    """A publisher whose list agrees with its files, damaged or not."""
    publish(mirror)
    records = tuple(f"s{number:03d}" for number in range(1, RECORDS + 1))
    return Mitdb(url=str(mirror), records=records, sums_sha256=None)


def brought(attempt: Try, damage: Callable[[Path, str, Random], str]) -> Outcome:
    """Damage one recording, ingest all: it must be quarantined with a reason, and only it."""
    mirror = Path(shutil.copytree(attempt.base / "mirror", attempt.folder / "mirror"))
    record = f"s{attempt.chance.randrange(1, RECORDS + 1):03d}"
    what = damage(mirror, record, attempt.chance)
    if told := refusal(ingest, recordings=attempt.folder / "out", source=source(mirror)):
        return wrong(f"{what}: the whole cohort was refused: {told}")
    quarantine = open_artifact(attempt.folder / "out").json("quarantine.json")
    say(f"{what}: {quarantine}")
    if set(quarantine) == {record} and quarantine[record].strip():
        return HELD
    return wrong(f"{what}: quarantined {', '.join(quarantine) or 'nothing'}, not {record} alone")


def truncated(mirror: Path, record: str, chance: Random) -> str:
    cut(mirror / f"{record}.dat", chance)
    return "truncated .dat"


def bit(mirror: Path, record: str, chance: Random) -> str:
    flip(mirror / f"{record}.dat", chance)
    return "flipped bit in .dat"


def header(mirror: Path, record: str, chance: Random) -> str:
    """The rate, the unit or the gain of one header is another."""
    file = mirror / f"{record}.hea"
    text = file.read_text(encoding="utf-8")
    edits = {
        "rate": (r"^(\S+ \d+) 360(?:\.0)? ", rf"\g<1> {chance.choice([36, 128, 180, 250, 361, 720, 3600])} "),
        "unit": (r"/mV ", f"/{chance.choice(['uV', 'V', 'mmHg', 'nV', 'NU'])} "),
        "gain": (r" 200(?:\.0)?\(", f" {chance.choice([20, 100, 201, 400, 2000, 1e-3, 0])}("),
    }
    name = chance.choice(sorted(edits))
    pattern, by = edits[name]
    changed = re.sub(pattern, by, text, count=1, flags=re.MULTILINE)
    if changed == text:
        raise AssertionError(f"no {name} was found in {text!r}")
    file.write_text(changed, encoding="utf-8")
    return f"another {name} in the header"


KINDS = (truncated, bit, bit, header, header)


@row(
    "recording: truncated or flipped .dat, edited header", 130, "quarantined with the reason, 0 read silently",
    base=published,
)  # fmt: skip
def recording(attempt: Try) -> Outcome:
    return brought(attempt, KINDS[attempt.number % len(KINDS)])
