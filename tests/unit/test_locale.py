"""Commands in a locale that knows no umlaut: names of files, texts and messages are UTF-8 all the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bedside.artifacts import open_artifact
from tests.graphs.wiring import ROOT

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(*arguments: object, **more: str) -> "subprocess.CompletedProcess[bytes]":
    environment = os.environ | ASCII | more | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=False)


def test_this_locale_would_be_ascii() -> None:
    told = run("-c", "import sys; print(sys.getfilesystemencoding())")
    assert told.stdout.strip() == b"ascii"


def test_a_stage_reads_and_writes_where_folders_and_parameters_have_umlauts(tmp_path: Path) -> None:
    folder = tmp_path / "Klinik Würzburg"
    folder.mkdir()
    (folder / "Münster").mkdir()
    file = folder / "params.yaml"
    file.write_text("# für Menschen über 65\nsource: {kind: simulated, patients: 2, seconds: 30.0}\n", encoding="utf-8")
    done = run("-m", "components.ingest", "--recordings", folder / "Münster/recordings", "--source", f"{file}:source")
    assert done.returncode == 0, done.stderr
    assert open_artifact(folder / "Münster/recordings").labels == {"source": "simulated"}


def test_a_folder_that_parameters_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "Spiegel für Ärzte").mkdir()
    source = {"kind": "mitdb", "mirror": str(tmp_path / "Spiegel für Ärzte")}
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump({"source": source}, allow_unicode=True), encoding="utf-8")
    done = run(
        "-m", "components.ingest", "--recordings", tmp_path / "out", "--source", f"{file}:source", BEDSIDE_MIRROR=""
    )
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"ingest: cannot reach {tmp_path}/Spiegel für Ärzte (")
    assert len(done.stderr.splitlines()) == 1


def test_messages_show_what_the_parameters_say(tmp_path: Path) -> None:
    (tmp_path / "components").symlink_to(ROOT / "components")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["task"] = {"kind": "Schlafstörung"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True), encoding="utf-8")
    done = run("-m", "bedside.cli", "check", "--params", tmp_path / "params.yaml")
    assert done.returncode == 1
    assert "unknown Task kind 'Schlafstörung'" in done.stderr.decode()


def test_a_workspace_is_laid_out_where_folders_and_parameters_have_umlauts(tmp_path: Path) -> None:
    profile = tmp_path / "für zuhause.yaml"
    profile.write_text("promote: {intended_use: Für Erwachsene}\n", encoding="utf-8")
    done = run("-m", "pipelines.workspace", tmp_path / "Übung", "--profile", profile)
    assert done.returncode == 0, done.stderr
    merged = yaml.safe_load((tmp_path / "Übung/params.yaml").read_text(encoding="utf-8"))
    assert merged["promote"]["intended_use"] == "Für Erwachsene"
    assert json.dumps(merged["promote"])  # text, and no bytes in disguise


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict"])
def test_what_cannot_be_shown_is_shown_as_an_escape(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "components").symlink_to(ROOT / "components")
    file = tmp_path / "Würzburg.yaml"
    file.write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    done = run("-m", "bedside.cli", "check", "--params", file, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert rb"W\xfcrzburg.yaml: every parameter is valid" in done.stdout
