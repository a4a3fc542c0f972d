"""The promote stage from its command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.artifacts import open_artifact
from tests.support import deployments
from tests.support.deployments import Deployed, Maker
from tests.support.mlflow_store import database
from tests.support.promoting import NAMED


def stage(deployed: Deployed, decision: Path, home: Path, store: str) -> "subprocess.CompletedProcess[str]":
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "components.promote",
        "--graphs",
        deployed.graph,
        "--evidence",
        deployed.evidence,
    ]
    command += ["--verdicts", deployed.verdict, "--reference", deployed.reference, "--decision", decision]
    command += ["--params", json.dumps({**NAMED, "sign_off": False, "timeout": 2})]
    command += ["--gates", json.dumps(deployments.GATES), "--budget", json.dumps(deployments.BUDGET)]
    environment = {"BEDSIDE_HOME": str(home), "BEDSIDE_FLUSH": "off", "MLFLOW_TRACKING_URI": store}
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_the_stage_registers_what_passes_or_says_why_it_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, store = tmp_path / "home", f"sqlite:///{database(tmp_path)}"
    monkeypatch.setenv("BEDSIDE_HOME", str(home))
    monkeypatch.setenv("BEDSIDE_FLUSH", "off")
    deployed = Maker(tmp_path).make("pruned")
    away = stage(deployed, tmp_path / "decision", home, "http://127.0.0.1:9")
    assert away.returncode == 1
    assert away.stderr.startswith("promote: promotion needs the tracking store: ")
    assert "Traceback" not in away.stderr
    assert not (tmp_path / "decision").exists()
    done = stage(deployed, tmp_path / "decision", home, store)
    assert done.returncode == 0, done.stderr
    decision = open_artifact(tmp_path / "decision")
    assert decision.json("decision.json")["champion"]["variant"] == "pruned"
    assert json.loads((decision / "bundles/pruned/verdict.json").read_text())["verdict"] == "PASS"
