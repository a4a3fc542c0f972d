"""Passwords of a mirror and patients' names in broken headers: in nothing that ingest leaves, records or says."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bedside.datasets.simulated import Simulated
from tests.data.mirror import publish, serving

ROOT = Path(__file__).parents[2]
PERSON = ["Canary Person 1955-03-02", "Canary_Person"]
USER, PASSWORD, TOKEN = "reader", "canary-pass-71f0", "canary-token-02ab"
NEEDLES = [b"Canary", b"Person", b"1955-03-02", b"canary-pass", b"canary-token"]
Edit = Callable[[list[str]], list[str]]


def edits() -> dict[str, Edit]:
    """A header's lines with the name of a patient in one place; the first is the record's, then one per lead."""
    found: dict[str, Edit] = {"instead of all": lambda _: [PERSON[0]], "before all": lambda lines: [PERSON[0], *lines]}
    for line in (0, 1):
        for field in range(9 if line else 4):
            found[f"line {line}, field {field}"] = _in_place(line, field)
    found["as the name of a lead with another gain"] = lambda lines: [
        lines[0],
        f"{' '.join(lines[1].split(' ', 8)[:8])} {PERSON[0]}".replace(" 200 ", " 100 "),
        *lines[2:],
    ]
    found["as a unit"] = lambda lines: [lines[0], lines[1].replace("200", f"200/{PERSON[1]}", 1), *lines[2:]]
    return found


def _in_place(line: int, field: int) -> Edit:
    def edit(lines: list[str]) -> list[str]:
        fields = lines[line].split(" ", 8)
        fields[field] = PERSON[0] if field == 8 else PERSON[1]
        return [*lines[:line], " ".join(fields), *lines[line + 1 :]]

    return edit


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace after ingest from a mirror that asks for a password, replayed into MLflow; and what was said."""
    folder, mirror = tmp_path_factory.mktemp("workspace"), tmp_path_factory.mktemp("mirror")
    Simulated(patients=2, seconds=30, lead_off=False).fetch(mirror)
    for number, edit in enumerate(edits().values()):
        _spoil(mirror, f"x{number:03d}", edit)
    publish(mirror)
    with serving(mirror) as publisher:
        publisher.asks_for = f"{USER}:{PASSWORD}"
        address = publisher.url.replace("://", f"://{USER}:{PASSWORD}@")
        said = _ingested(folder, {"mirror": address}, 0)
        said += _ingested(folder, {"mirror": f"{publisher.url}/?access_token={TOKEN}&X-Amz-Signature={TOKEN}"}, 1)
    said += _run(folder, ["bedside.cli", "flush", "--timeout", "120"], 0)
    return folder, said


def _spoil(mirror: Path, record: str, edit: Edit) -> None:
    for suffix in (".dat", ".atr"):
        (mirror / f"{record}{suffix}").write_bytes((mirror / f"s001{suffix}").read_bytes())
    lines = (mirror / "s001.hea").read_text().replace("s001", record).splitlines()
    (mirror / f"{record}.hea").write_text("\n".join(edit(lines)))


def _ingested(folder: Path, place: dict[str, str], status: int) -> str:
    source = json.dumps({"kind": "mitdb", "sums_sha256": None, "same_person": {}, **place})
    (folder / "params.yaml").write_text(f"source: {source}")
    argv = ["components.ingest", "--recordings", "artifacts/recordings", "--source", "params.yaml:source"]
    return _run(folder, [*argv, "--metrics", "metrics.json"], status)


def _run(folder: Path, command: list[str], status: int) -> str:
    home = {"BEDSIDE_HOME": ".bedside", "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "NO_PROXY": "127.0.0.1"}
    home |= {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}  # the folder it runs in holds no stages
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "BEDSIDE_MIRROR"} | home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_nothing_that_is_left_holds_one(left: tuple[Path, str]) -> None:
    folder, _ = left
    as_published = [folder / "artifacts/recordings/records", folder / ".bedside/downloads/mitdb-1.0.0"]
    given = {folder / "params.yaml", *(file for place in as_published for file in place.glob("*.hea"))}
    files = [path for path in folder.rglob("*") if path.is_file() and path not in given]
    assert {"manifest.json", "quarantine.json", "mlflow.db"} <= {path.name for path in files}
    assert [(str(f.relative_to(folder)), n) for f in files for n in NEEDLES if n in f.read_bytes()] == []


def test_nothing_that_is_said_holds_one(left: tuple[Path, str]) -> None:
    said = left[1]
    assert "quarantined x001" in said
    assert "***@127.0.0.1" in said
    assert [needle for needle in NEEDLES if needle.decode() in said] == []


def test_they_were_planted_and_the_reasons_are_still_reasons(left: tuple[Path, str]) -> None:
    quarantined = json.loads((left[0] / "artifacts/recordings/quarantine.json").read_text())
    named = {f"x{number:03d}": name for number, name in enumerate(edits())}
    assert {named[record] for record in quarantined} >= {"instead of all", "line 0, field 2", "as a unit"}
    assert len(quarantined) >= 12
    manifest = json.loads((left[0] / "artifacts/recordings/manifest.json").read_text())
    assert manifest["params"]["source"]["mirror"].startswith("http://***@127.0.0.1:")
